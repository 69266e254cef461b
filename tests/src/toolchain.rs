//! Copies of the installed Rust toolchain that lack parts.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// A copy of the current toolchain, made of links. `rustc` finds its sysroot relative to itself.
#[derive(Debug)]
pub struct PartialToolchain {
    directory: PathBuf,
}

impl PartialToolchain {
    /// Without rust-lld and the other programs of the sysroot.
    pub fn without_lld(directory: PathBuf) -> Self {
        copy(&sysroot(), &directory, |_| true);
        Self { directory }
    }

    /// As distributions package it: also without a shared libstd for programs.
    pub fn of_distribution(directory: PathBuf) -> Self {
        let is_shared_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".so");
        copy(&sysroot(), &directory, |name| !is_shared_std(name));
        Self { directory }
    }

    /// The directory with `cargo` and `rustc`. They are not rustup's proxies, which would load
    /// rustc's libraries from the original toolchain.
    pub fn bin(&self) -> PathBuf {
        self.directory.join("bin")
    }
}

/// The sysroot of the current toolchain.
pub fn sysroot() -> PathBuf {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let path = String::from_utf8(output.stdout).expect("the path is UTF-8");
    PathBuf::from(path.trim())
}

/// The lld of the current toolchain.
pub fn lld() -> PathBuf {
    let targets = fs::read_dir(sysroot().join("lib/rustlib")).expect("a sysroot");
    let mut candidates = targets
        .flatten()
        .map(|target| target.path().join("bin/rust-lld"));
    candidates
        .find(|file| file.is_file())
        .expect("rustup's toolchains have rust-lld")
}

/// Copies cargo, rustc, rustc's libraries, and the libraries of each target that `keep` selects by
/// their names.
fn copy(sysroot: &Path, to: &Path, keep: impl Fn(&str) -> bool) {
    for directory in ["bin", "lib"] {
        fs::create_dir_all(to.join(directory)).unwrap();
        for entry in fs::read_dir(sysroot.join(directory)).unwrap().flatten() {
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
    for triple in fs::read_dir(sysroot.join("lib/rustlib")).unwrap().flatten() {
        let libraries = to.join("lib/rustlib").join(triple.file_name()).join("lib");
        let Ok(entries) = fs::read_dir(triple.path().join("lib")) else {
            continue;
        };
        fs::create_dir_all(&libraries).unwrap();
        for entry in entries.flatten() {
            if keep(&entry.file_name().to_string_lossy()) {
                symlink(entry.path(), libraries.join(entry.file_name())).unwrap();
            }
        }
    }
}
