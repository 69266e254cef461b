//! Packages of distributions: no shared libstd, and lld in PATH.

use std::{fs, os::unix::fs::symlink};

use tests::{Fixture, Project, cargo_kt, toolchain};

/// Selects a toolchain as distributions package it, with lld under this name.
fn select(project: &mut Project, lld: &str) {
    let private = project.private().to_owned();
    let rust = toolchain::PartialToolchain::of_distribution(private.join("rust"));
    let bin = private.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(toolchain::lld(), bin.join(lld)).unwrap();
    let directories = [cargo_kt().to_owned(), rust.bin(), bin];
    let path = std::env::var_os("PATH").expect("PATH is set");
    let path = std::env::join_paths(directories.into_iter().chain(std::env::split_paths(&path)));
    project.environment("PATH", path.unwrap().to_str().unwrap());
}

#[test]
fn an_edit_keeps_the_state_without_a_shared_libstd_and_rust_lld() {
    let mut project = Project::of(Fixture::ONE);
    select(&mut project, "ld.lld");
    let output = project.kt(["run", "-v"]).success();
    output
        .prints("hello Alice, visit 1")
        .says("bin/ld.lld -flavor gnu");

    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = project.run().success();
    output
        .prints("good day Alice, visit 2")
        .says("kept one::VISITS");

    // A panic unwinds through kt's own libstd, and its backtrace has names.
    let visit = "VISITS.fetch_add(1, Ordering::Relaxed) + 1;";
    project.edit(
        "src/main.rs",
        visit,
        &format!("{visit}\n    assert!(visit != 3, \"third\");"),
    );
    let output = project.run().code(1);
    output.says("one::greet").says("third");
    project.edit("src/main.rs", "visit != 3", "visit != 30");
    project.run().success().prints("good day Alice, visit 4");
}

#[test]
fn lld_is_found_by_its_versioned_name() {
    let mut project = Project::of(Fixture::ONE);
    select(&mut project, "ld.lld-21");
    let output = project.kt(["run", "-v"]).success();
    output
        .prints("hello Alice, visit 1")
        .says("bin/ld.lld-21 -flavor gnu");
}
