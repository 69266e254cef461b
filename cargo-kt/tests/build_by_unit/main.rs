//! The suite `build` again, with cargo's newer layout of the build directory: one directory for each compilation.

#[path = "../build/answers.rs"]
mod answers;
#[path = "../build/checkouts.rs"]
mod checkouts;
#[path = "../build/dates.rs"]
mod dates;
#[path = "../build/fixture.rs"]
mod fixture;
#[path = "../build/graphs.rs"]
mod graphs;
#[path = "../build/modes.rs"]
mod modes;
#[path = "../build/replay.rs"]
mod replay;
#[path = "../build/roots.rs"]
mod roots;
#[path = "../build/scripts.rs"]
mod scripts;
#[path = "../build/sources.rs"]
mod sources;
#[path = "../build/variables.rs"]
mod variables;

/// cargo before 1.100 has this layout on request only, and takes the request from a stable toolchain with the first variable.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_DIR_NEW_LAYOUT", "true"),
];

#[test]
fn cargo_has_the_newer_layout_here() {
    let built = fixture::Workspace::new().build();
    let rlib = &built.compiled.hot[0].rlib;
    assert!(rlib.parent().unwrap().ends_with("out"), "{rlib}");
}
