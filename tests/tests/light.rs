//! The dependencies that kt-runtime adds to a program under plain cargo.

use std::{collections::BTreeSet, process::Command};

use tests::{checkout, clean_environment};

#[test]
fn plain_cargo_builds_no_dependency_of_the_wire() {
    let mut command = Command::new("cargo");
    clean_environment(&mut command);
    let manifest = checkout().join("tests/fixtures/bench-weight/Cargo.toml");
    let output = command
        .args(["tree", "--locked", "--package", "with-kt"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{lib}"])
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("names of crates");
    let crates: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    let wanted = [
        "kt",
        "kt_macros",
        "pin_project_lite",
        "proc_macro2",
        "quote",
        "serde",
        "serde_core",
        "syn",
        "tokio",
        "unicode_ident",
    ];
    assert_eq!(crates, BTreeSet::from(wanted));
}
