//! Runs the suite `build` with cargo's newer layout of the build directory: one directory per
//! compilation.

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

/// Before cargo 1.100 the second variable enables this layout, and the first allows it on a stable
/// toolchain.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_DIR_NEW_LAYOUT", "true"),
];

#[test]
fn cargo_uses_the_newer_layout() {
    let built = fixture::Workspace::new().build();
    let rlib = &built.compiled.hot[0].rlib;
    assert!(rlib.parent().unwrap().ends_with("out"), "{rlib}");
}
