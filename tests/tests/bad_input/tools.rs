//! Machines that lack a tool.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tests::{Fixture, Project, assert_terminal, cargo_kt};

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

/// A copy of the current toolchain without rust-lld: `rustc` finds its sysroot relative to itself.
fn toolchain_without_lld(to: &Path) {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let sysroot = PathBuf::from(
        String::from_utf8(output.stdout)
            .expect("the path is UTF-8")
            .trim(),
    );
    for directory in ["bin", "lib"] {
        fs::create_dir_all(to.join(directory)).unwrap();
        for entry in fs::read_dir(sysroot.join(directory))
            .unwrap()
            .map(Result::unwrap)
        {
            let target = to.join(directory).join(entry.file_name());
            let is_tool = ["cargo", "rustc"]
                .iter()
                .any(|tool| entry.file_name() == *tool);
            if entry.file_type().unwrap().is_dir() && entry.file_name() != "rustlib" {
                symlink(entry.path(), target).unwrap();
            } else if entry.file_type().unwrap().is_file() && (is_tool || directory == "lib") {
                // A symlink would lead rustc back to the original sysroot.
                fs::hard_link(entry.path(), &target)
                    .or_else(|_| fs::copy(entry.path(), &target).map(drop))
                    .unwrap();
            }
        }
    }
    for triple in fs::read_dir(sysroot.join("lib/rustlib"))
        .unwrap()
        .map(Result::unwrap)
    {
        let target = to.join("lib/rustlib").join(triple.file_name());
        if !triple.path().join("bin").is_dir() {
            continue;
        }
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(triple.path()).unwrap().map(Result::unwrap) {
            if entry.file_name() != "bin" {
                symlink(entry.path(), target.join(entry.file_name())).unwrap();
            }
        }
    }
}

#[test]
fn toolchain_without_rust_lld_is_an_error_with_the_fix() {
    let mut project = Project::of(Fixture::ONE);
    let toolchain = project.private().join("toolchain");
    toolchain_without_lld(&toolchain);
    // Not through rustup, which would load rustc's libraries from the original toolchain.
    let path = std::env::var("PATH").expect("PATH is set");
    let (kt, bin) = (cargo_kt().display(), toolchain.join("bin"));
    project.environment("PATH", format!("{kt}:{}:{path}", bin.display()));
    let output = project.run().code(101);
    assert_terminal!("no_rust_lld", project, output);
}
