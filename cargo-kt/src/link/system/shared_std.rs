//! The standard library as a shared object, for toolchains without one. Distributions often ship
//! only its rlib.
//!
//! rustc includes all of its dependencies in a dylib, and exports their symbols. That of an empty
//! crate exports those of rustup's `libstd.so`, except that the symbol of its metadata has another
//! name (compared for Rust 1.95).

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::System;
use crate::{
    context::Toolchain,
    link::{
        LinkError,
        hash::{Name, Stamp, short},
        kt_dir::{self, KtDir},
    },
    logging,
};

const SOURCE: &str = "extern crate std;\n";

const FLAGS: [&str; 5] = [
    "--crate-name=kt_std",
    "--crate-type=dylib",
    "--edition=2024",
    "-Copt-level=2",
    "-Cstrip=debuginfo",
];

/// Builds the shared object from the toolchain's `libstd-<hash>.rlib`, once per toolchain and
/// target directory.
pub(super) fn build(
    toolchain: &Toolchain,
    rlib: &Utf8Path,
    system: &System,
    kt_dir: &KtDir,
) -> Result<Utf8PathBuf, LinkError> {
    let mut name = Name::new("shared std");
    name.add(&toolchain.version)
        .add(&toolchain.target)
        .add(rlib.as_str())
        // A package of the same version can be built again.
        .add(format!("{:?}", Stamp::of(rlib)?))
        .add_all(FLAGS);
    let soname = format!("libstd-{}.so", short(&name.hex()));
    let file = kt_dir.std().join(&soname);
    if file.is_file() {
        return Ok(file);
    }
    let source = kt_dir.std().join("std.rs");
    kt_dir::write(&source, SOURCE.as_bytes())?;
    let temporary = kt_dir::temporary(&file);
    let mut rustc = Command::new(&toolchain.rustc);
    rustc
        .args(FLAGS)
        .args(["--target", &toolchain.target])
        .args(linker_flags(toolchain, system, kt_dir, &soname)?)
        .args(["-o", temporary.as_str(), source.as_str()]);
    let logged = logging::started(&rustc);
    let ran = rustc
        .output()
        .map_err(LinkError::io("run", &toolchain.rustc))?;
    logged.exited(ran.status);
    if !ran.status.success() {
        let _ = std::fs::remove_file(&temporary);
        return Err(LinkError::SharedStd {
            stderr: String::from_utf8_lossy(&ran.stderr).trim().to_owned(),
        });
    }
    std::fs::rename(&temporary, &file).map_err(LinkError::io("rename a linked file to", &file))?;
    Ok(file)
}

/// Selects the C compiler as the linker, or lld if there is none for the target. With lld, rustc
/// 1.97 of Debian panics.
fn linker_flags(
    toolchain: &Toolchain,
    system: &System,
    kt_dir: &KtDir,
    soname: &str,
) -> Result<Vec<String>, LinkError> {
    let compiler = &system.compiler.0;
    if !compiler.as_str().is_empty() {
        let mut flags = vec![
            format!("-Clinker={compiler}"),
            format!("-Clink-arg=-Wl,-soname,{soname}"),
        ];
        // The default of this target is an lld in the sysroot, which may not exist. Other targets
        // do not accept the flag.
        if toolchain.target == "x86_64-unknown-linux-gnu" {
            flags.push("-Clinker-features=-lld".to_owned());
        }
        return Ok(flags);
    }
    let unwinder = unwinder(system, kt_dir)?;
    let directories = [&unwinder].into_iter().chain(&system.directories);
    let mut flags = vec![
        "-Clinker-flavor=ld.lld".to_owned(),
        format!("-Clinker={}", toolchain.lld),
        format!("-Clink-arg=-soname={soname}"),
    ];
    flags.extend(directories.map(|directory| format!("-Clink-arg=-L{directory}")));
    Ok(flags)
}

/// A directory in which `-lgcc_s` is found: a linker script with the path of the library.
fn unwinder(system: &System, kt_dir: &KtDir) -> Result<Utf8PathBuf, LinkError> {
    let directory = kt_dir.std().join(&system.target);
    let is_unwinder = |path: &&Utf8PathBuf| path.file_name() == Some("libgcc_s.so.1");
    if let Some(library) = system.libraries.iter().find(is_unwinder) {
        let script = format!("INPUT ( {library} )\n");
        kt_dir::write(&directory.join("libgcc_s.so"), script.as_bytes())?;
    }
    Ok(directory)
}
