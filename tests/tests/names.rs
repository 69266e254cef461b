//! kt-runtime as a renamed or re-exported dependency.

use tests::{Fixture, Project};

/// The program with kt-runtime as the dependency `renamed`.
fn rename(project: &Project) {
    project.edit(
        "Cargo.toml",
        "kt-runtime = { ",
        "renamed = { package = \"kt-runtime\", ",
    );
    let source = project.read("src/main.rs");
    project.write("src/main.rs", &source.replace("kt::", "renamed::"));
}

#[test]
fn renamed_dependency_is_found() {
    let project = Project::of(Fixture::ONE);
    rename(&project);
    project.run().success().prints("hello Alice, visit 1");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
    let plain = project.plain_cargo(["run", "--quiet"]).success();
    assert_eq!(plain.stdout, "good day Alice, visit 1\n");
}

#[test]
fn re_export_works_only_if_the_attribute_names_it() {
    let project = Project::of(Fixture::ONE);
    let manifest = project.read("Cargo.toml");
    let dependency = manifest
        .lines()
        .find(|line| line.starts_with("kt-runtime ="));
    let dependency = dependency.expect("it depends on kt-runtime");
    project.write(
        "prelude/Cargo.toml",
        &format!(
            "[package]\nname = \"prelude\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n"
        ),
    );
    project.write("prelude/src/lib.rs", "pub use kt;\n");
    project.edit("Cargo.toml", dependency, "prelude = { path = \"prelude\" }");
    project.edit("src/main.rs", "use std::", "use prelude::kt;\nuse std::");
    project
        .plain_cargo(["check"])
        .code(101)
        .says("this crate does not depend on kt-runtime")
        .says("`crate = path::to::kt`");

    for attribute in ["state", "remote"] {
        let (from, to) = (
            format!("#[kt::{attribute}]"),
            format!("#[kt::{attribute}(crate = prelude::kt)]"),
        );
        project.edit("src/main.rs", &from, &to);
    }
    project.run().success().prints("hello Alice, visit 1");
    project.run().success().prints("hello Alice, visit 2");
    let plain = project.plain_cargo(["run", "--quiet"]).success();
    assert_eq!(plain.stdout, "hello Alice, visit 1\n");
}
