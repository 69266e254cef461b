//! Machines that lack a tool.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tests::{Fixture, Project, assert_terminal, cargo_kt, toolchain::PartialToolchain};

use crate::assert_answers;

/// A PATH with Rust and nothing else.
fn rust_alone(directory: &Path) -> String {
    fs::create_dir(directory).unwrap();
    for tool in ["cargo", "rustc", "rustup"] {
        let found = which(tool);
        // Without rustup, cargo and rustc are the toolchain's own.
        if let Some(found) = found {
            symlink(found, directory.join(tool)).unwrap();
        }
    }
    format!("{}:{}", cargo_kt().display(), directory.display())
}

fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(tool))
        .find(|file| file.is_file())
}

#[test]
fn first_build_without_a_c_compiler_names_it() {
    let mut project = Project::cold(Fixture::ONE);
    let path = rust_alone(&project.private().join("bin"));
    project.environment("PATH", path);
    project.run().code(101).says("linker `cc` not found");
}

#[test]
fn edit_without_a_c_compiler_is_an_error_and_keeps_the_state() {
    let mut project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    let path = rust_alone(&project.private().join("bin"));
    project.environment("PATH", path);
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let output = project.run().code(101);
    assert_terminal!("no_c_compiler", project, output);

    project.environment(
        "PATH",
        format!(
            "{}:{}",
            cargo_kt().display(),
            std::env::var("PATH").unwrap()
        ),
    );
    project.run().success().prints("good day Alice, visit 2");
}

#[test]
fn machine_without_lld_is_an_error_with_the_fix() {
    let mut project = Project::of(Fixture::ONE);
    let toolchain = PartialToolchain::without_lld(project.private().join("toolchain"));
    // Nothing else: other directories may have an lld.
    let path = std::env::join_paths([cargo_kt(), &toolchain.bin()]).unwrap();
    project.environment("PATH", path.to_str().unwrap());
    let output = project.run().code(101);
    assert_terminal!("no_lld", project, output);
}
