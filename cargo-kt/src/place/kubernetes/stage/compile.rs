//! The first stage's executable, compiled once for each compiler and target.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::StageError;
use crate::{context::Toolchain, place::Dirs};

/// The program's files, the crate's root first.
const SOURCES: [(&str, &str); 17] = {
    macro_rules! sources {
        ($($file:literal),*) => { [$(($file, include_str!(concat!("program/", $file)))),*] };
    }
    sources![
        "main.rs",
        "blake3.rs",
        "conversation.rs",
        "facts.rs",
        "files.rs",
        "libraries.rs",
        "text.rs",
        "sys/mod.rs",
        "sys/library.rs",
        "sys/memory.rs",
        "sys/process.rs",
        "sys/socket.rs",
        "zstd/mod.rs",
        "zstd/bits.rs",
        "zstd/fse.rs",
        "zstd/huffman.rs",
        "zstd/sequences.rs"
    ]
};
const X86_64: &str = include_str!("program/sys/x86_64.rs");
const AARCH64: &str = include_str!("program/sys/aarch64.rs");

/// A program without libstd, C library or unwinding, at a fixed address: nothing has to relocate it. The toolchain's own
/// linker is called by name, which rustc looks up in its sysroot.
const FLAGS: [&str; 11] = [
    "--crate-name=kt_stage",
    "--crate-type=bin",
    "--edition=2024",
    "-Cpanic=abort",
    "-Copt-level=2",
    "-Ccodegen-units=1",
    "-Crelocation-model=static",
    "-Ctarget-feature=+crt-static",
    "-Clinker=rust-lld",
    "-Clinker-flavor=ld.lld",
    "-Cstrip=symbols",
];

/// The bytes of the first stage for a toolchain's target, compiled if they are not in the cache.
///
/// # Errors
/// If the target is none that it is written for, or the toolchain cannot compile for it.
pub fn executable(dirs: &Dirs, toolchain: &Toolchain) -> Result<Vec<u8>, StageError> {
    let machine = match toolchain.target.split('-').next() {
        Some("x86_64") => ("sys/x86_64.rs", X86_64),
        Some("aarch64") => ("sys/aarch64.rs", AARCH64),
        _ => {
            return Err(StageError::Target {
                target: toolchain.target.clone(),
            });
        }
    };
    let sources = SOURCES.iter().copied().chain([machine]);
    let mut hasher = blake3::Hasher::new();
    for part in FLAGS
        .into_iter()
        .chain([toolchain.version.as_str(), &toolchain.target])
        .chain(sources.clone().flat_map(|(name, content)| [name, content]))
    {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    let folder = dirs.cache.join("stage");
    let file = folder.join(&hash[..16]);
    if let Ok(known) = fs::read(&file) {
        return Ok(known);
    }
    fs::create_dir_all(&folder).map_err(StageError::io("create", &folder))?;
    let work = tempfile::tempdir_in(&folder).map_err(StageError::io("write to", &folder))?;
    compile(toolchain, sources, work.path())?;
    let made = work.path().join("stage");
    let bytes = fs::read(&made).map_err(StageError::io("read", &made))?;
    fs::rename(&made, &file).map_err(StageError::io("write", &file))?;
    Ok(bytes)
}

/// Makes `stage` in a folder.
fn compile(
    toolchain: &Toolchain,
    sources: impl Iterator<Item = (&'static str, &'static str)>,
    folder: &Path,
) -> Result<(), StageError> {
    for (name, content) in sources {
        let path = folder.join(name);
        let parent: PathBuf = path.parent().unwrap_or(folder).to_owned();
        fs::create_dir_all(&parent).map_err(StageError::io("create", &parent))?;
        fs::write(&path, content).map_err(StageError::io("write", &path))?;
    }
    let ran = Command::new(&toolchain.rustc)
        .args(FLAGS)
        .args(["--target", &toolchain.target, "-o"])
        .arg(folder.join("stage"))
        .arg(folder.join("main.rs"))
        .current_dir(folder)
        .output()
        .map_err(StageError::io("run", toolchain.rustc.as_std_path()))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(StageError::Compile {
        target: toolchain.target.clone(),
        words: String::from_utf8_lossy(&ran.stderr).trim().to_owned(),
    })
}
