//! Compiles the first stage, once per compiler and target. Its crate is `cargo-kt/first-stage`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::StageError;
use crate::{
    context::{InstallTarget, Toolchain},
    place::Dirs,
};

macro_rules! sources {
    ($($file:literal,)*) => {
        &[$((
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/first-stage/src/", $file)),
        )),*]
    };
}

const ROOT: &str = "lib.rs";

/// All files of the crate but its tests: names and contents.
pub(super) const SOURCES: &[(&str, &str)] = sources![
    "lib.rs",
    "blake3.rs",
    "conversation.rs",
    "facts.rs",
    "files.rs",
    "libraries.rs",
    "text.rs",
    "sys/mod.rs",
    "sys/aarch64.rs",
    "sys/memory.rs",
    "sys/process.rs",
    "sys/socket.rs",
    "sys/start.rs",
    "sys/strings.rs",
    "sys/x86_64.rs",
    "zstd/mod.rs",
    "zstd/bits.rs",
    "zstd/fse.rs",
    "zstd/huffman.rs",
    "zstd/sequences.rs",
];

/// A program without std, libc, unwinding or relocations.
const FLAGS: [&str; 11] = [
    "--crate-name=kt_first_stage",
    "--crate-type=bin",
    "--edition=2024",
    "--cfg=freestanding",
    "-Cpanic=abort",
    "-Copt-level=2",
    "-Ccodegen-units=1",
    "-Crelocation-model=static",
    "-Ctarget-feature=+crt-static",
    "-Clinker-flavor=ld.lld",
    "-Cstrip=symbols",
];

/// The first stage's executable for a toolchain's target, from the cache or compiled.
///
/// # Errors
/// If kt does not support the target, or the toolchain cannot compile for it.
pub fn executable(dirs: &Dirs, toolchain: &Toolchain) -> Result<Vec<u8>, StageError> {
    let architecture = toolchain.target.split('-').next();
    if !matches!(architecture, Some("x86_64" | "aarch64")) {
        return Err(StageError::Target {
            target: toolchain.target.clone(),
        });
    }
    let folder = dirs.cache.join("stage");
    let file = folder.join(key(toolchain));
    if let Ok(cached) = fs::read(&file) {
        return Ok(cached);
    }
    fs::create_dir_all(&folder).map_err(StageError::io("create", &folder))?;
    let work = tempfile::tempdir_in(&folder).map_err(StageError::io("write to", &folder))?;
    let compiled = compile(toolchain, work.path())?;
    let bytes = fs::read(&compiled).map_err(StageError::io("read", &compiled))?;
    fs::rename(&compiled, &file).map_err(StageError::io("write", &file))?;
    Ok(bytes)
}

/// The name in the cache: a hash of the inputs of the compilation.
fn key(toolchain: &Toolchain) -> String {
    let inputs = FLAGS
        .into_iter()
        .chain([toolchain.version.as_str(), &toolchain.target])
        .chain(SOURCES.iter().flat_map(|&(name, content)| [name, content]));
    let mut hasher = blake3::Hasher::new();
    for input in inputs {
        hasher.update(&(input.len() as u64).to_le_bytes());
        hasher.update(input.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Compiles the first stage in a folder and returns the executable's path.
fn compile(toolchain: &Toolchain, folder: &Path) -> Result<PathBuf, StageError> {
    for (name, content) in SOURCES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(StageError::io("create", parent))?;
        fs::write(&path, content).map_err(StageError::io("write", &path))?;
    }
    let executable = folder.join("stage");
    let output = Command::new(&toolchain.rustc)
        .args(FLAGS)
        .arg(format!("-Clinker={}", toolchain.lld))
        .args(["--target", &toolchain.target, "-o"])
        .arg(&executable)
        .arg(folder.join(ROOT))
        .current_dir(folder)
        .output()
        .map_err(StageError::io("run", toolchain.rustc.as_std_path()))?;
    if output.status.success() {
        return Ok(executable);
    }
    Err(StageError::Compile {
        target: toolchain.target.clone(),
        install: InstallTarget::of(&toolchain.sysroot, &toolchain.target),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
