//! The modules of each folder form a graph without cycles, so that a reader can start at the bottom
//! and meet each name after its definition.

use std::{fs, path::Path};

use tests::modules::{cycles, functions};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the workspace")
}

#[test]
fn no_crate_has_a_cycle_of_modules() {
    let crates = [
        "cargo-kt",
        "cargo-kt/first-stage",
        "kt-runtime",
        "kt-macros",
    ];
    let found: Vec<String> = crates
        .iter()
        .flat_map(|name| cycles(&root().join(name).join("src/lib.rs")))
        .map(|cycle| cycle.to_string())
        .collect();
    assert!(
        found.is_empty(),
        "{} cycles:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// The check must see every form of a path, or it would miss a cycle silently: a re-export, a glob,
/// a macro's arguments, an attribute's string, a path inside an expression.
#[test]
fn cycle_is_found_in_every_form_of_path() {
    let forms = [
        ("use crate::b::B;", "use crate::a::A;"),
        ("use super::b::B;", "use super::a::A;"),
        ("use super::B;", "use super::A;"),
        ("use super::*; fn f(_: B) {}", "fn f(_: crate::a::A) {}"),
        (
            "fn f() { crate::b::g() }",
            "fn f() { println!(\"{}\", crate::a::g()) }",
        ),
        (
            "mod deep { use crate::b::B; }",
            "pub use crate::a::A as Renamed;",
        ),
        (
            "use crate::b::B;",
            "struct S { #[serde(with = \"crate::a::g\")] f: u8 }",
        ),
    ];
    for (of_a, of_b) in forms {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the folder can be written to");
        };
        write(
            "lib.rs",
            "mod a; mod b; mod c;\nuse a::A; use b::B;\n#[cfg(test)] mod tests;",
        );
        write(
            "a.rs",
            &format!("pub struct A; pub fn g() -> u8 {{ 0 }}\n{of_a}"),
        );
        write("b.rs", &format!("pub struct B; pub fn g() {{}}\n{of_b}"));
        write("c.rs", "use crate::a::A;");
        let found = cycles(&folder.path().join("lib.rs"));
        assert_eq!(found.len(), 1, "{of_a} / {of_b}: {found:?}");
        assert!(
            found[0].to_string().starts_with("crate::: a b\n"),
            "{}",
            found[0]
        );
        write("b.rs", "pub struct B; pub fn g() {}");
        let found = cycles(&folder.path().join("lib.rs"));
        assert!(found.is_empty(), "{of_a}: {found:?}");
    }
}

/// A function fits on a screen, and so is understood at once.
#[test]
fn every_function_has_fewer_than_80_lines() {
    let crates = [
        "cargo-kt/src",
        "cargo-kt/first-stage/src",
        "kt-runtime/src",
        "kt-macros/src",
    ];
    let all: Vec<_> = crates
        .iter()
        .flat_map(|folder| functions(&root().join(folder).join("lib.rs")))
        .collect();
    assert!(all.len() > 3000, "only {} functions were found", all.len());
    let long: Vec<String> = all
        .iter()
        .filter(|function| function.lines >= 80)
        .map(|it| format!("{}: `{}` has {} lines", it.place, it.name, it.lines))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Another system needs something else in the place of `/proc`, so one folder has all of it.
#[test]
fn only_one_folder_of_cargo_kt_reads_proc() {
    let linux = root().join("cargo-kt/src/linux");
    let mut found = Vec::new();
    let mut folders = vec![root().join("cargo-kt/src")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("the folder can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                // The sources of the first stage, and tests, run on Linux alone.
                folders.extend((path != linux && !path.ends_with("tests")).then_some(path));
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).expect("the file can be read");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                if code.contains("\"/proc/") {
                    found.push(path);
                }
            }
        }
    }
    assert!(found.is_empty(), "use `crate::linux` in {found:?}");
}
