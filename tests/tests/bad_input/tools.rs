//! Machines that lack a tool.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tests::{Fixture, Project, cargo_kt};

use crate::assert_answers;

/// A PATH with Rust and nothing else.
fn rust_alone(directory: &Path) -> String {
    fs::create_dir(directory).unwrap();
    for tool in ["cargo", "rustc", "rustup"] {
        let found = which(tool);
        // Where there is no rustup, cargo and rustc are the toolchain's own.
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
fn without_a_c_compiler_a_first_build_says_what_is_missing() {
    let mut project = Project::cold(Fixture::ONE);
    let path = rust_alone(&project.private().join("bin"));
    project.environment("PATH", path);
    project.run().code(101).says("linker `cc` not found");
}

#[test]
fn without_a_c_compiler_edits_go_on() {
    let mut project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    let path = rust_alone(&project.private().join("bin"));
    project.environment("PATH", path);
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
}

/// A toolchain as the one in use, without its own linker: `rustc` finds its files beside itself.
fn toolchain_without_lld(to: &Path) -> PathBuf {
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
            let is_compiler = entry.file_name() == "rustc";
            if entry.file_type().unwrap().is_dir() && entry.file_name() != "rustlib" {
                symlink(entry.path(), target).unwrap();
            } else if entry.file_type().unwrap().is_file() && (is_compiler || directory == "lib") {
                // A link by name would lead rustc back to where it came from.
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
    to.join("bin/rustc")
}

#[test]
fn a_toolchain_without_rust_lld_is_named_with_what_to_do() {
    let mut project = Project::of(Fixture::ONE);
    let rustc = toolchain_without_lld(&project.private().join("toolchain"));
    project.environment("RUSTC", rustc.display());
    let output = project.run().code(101).says("rust-lld");
    assert!(
        output
            .stderr
            .contains(&project.private().join("toolchain").display().to_string()),
        "where it was looked for: {output:?}"
    );
}
