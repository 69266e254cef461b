//! A *twin*: one more run of rustc over a crate, only to see how its types lie in memory.
//!
//! It has the arguments of the real run, apart from what decides which files come out and how much is said in them:
//! - `-C debuginfo=2`, which the real run is spared because it nearly doubles its time;
//! - no remote function and no `main` is exported (`KT_BUILD=types`), and
//! - `--crate-type cdylib`, of which only exported items are roots: code is made for what the states need and for
//!   nothing else. The layout of a type does not depend on the kind of crate, and neither does its `TypeId`: the
//!   crate's identity in rustc (`StableCrateId`) asks only whether it is an executable;
//! - one codegen unit, so that each type is described once, and no link-time optimisation, so that the object is ELF.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::artifacts::Invocation;

/// Why there is no twin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwinError {
    #[error("use {path}")]
    Directory {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("start `{program}`")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("compile it with full debug information: {0}")]
    Rustc(String),
    #[error("find the object that rustc made in {0}")]
    NoObject(Utf8PathBuf),
}

/// Jobserver file descriptors of a cargo that has ended: rustc would warn about them and go on.
pub const STALE_ENVIRONMENT: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// Options with a value that only say which files come out, how they are linked, and what is printed.
const OUTPUT_OPTIONS: [&str; 10] = [
    "--cap-lints",
    "--color",
    "--crate-type",
    "--diagnostic-width",
    "--emit",
    "--error-format",
    "--json",
    "--out-dir",
    "--print",
    "-o",
];

/// The same for `-C name=value`.
const OUTPUT_CODEGEN: [&str; 15] = [
    "ar",
    "codegen-units",
    "debuginfo",
    "embed-bitcode",
    "incremental",
    "link-arg",
    "link-args",
    "linker",
    "linker-flavor",
    "linker-plugin-lto",
    "lto",
    "prefer-dynamic",
    "save-temps",
    "split-debuginfo",
    "strip",
];

/// The arguments of an invocation that can influence a type, without the compiler's own path.
pub fn telling_arguments(invocation: &Invocation) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = invocation.arguments.iter().skip(1).map(String::as_str);
    while let Some(argument) = arguments.next() {
        if argument == "-g" {
            continue;
        }
        let codegen = match argument {
            "-C" | "--codegen" => arguments.next(),
            _ => argument
                .strip_prefix("-C")
                .or_else(|| argument.strip_prefix("--codegen=")),
        };
        if let Some(codegen) = codegen {
            let name = codegen.split('=').next().unwrap_or(codegen);
            if !OUTPUT_CODEGEN.contains(&name) {
                kept.push(format!("-C{codegen}"));
            }
            continue;
        }
        let (name, has_value) = match argument.split_once('=') {
            Some((name, _)) => (name, true),
            None => (argument, false),
        };
        if OUTPUT_OPTIONS.contains(&name) {
            if !has_value {
                arguments.next();
            }
        } else {
            kept.push(argument.to_owned());
        }
    }
    kept
}

/// Compiles the twin into `directory`, which is its own, and returns its object. Whoever calls holds a lock on it.
///
/// # Errors
/// When rustc cannot be started or fails; its first error is in the message, as the real run has shown them all.
pub fn compile(invocation: &Invocation, directory: &Utf8Path) -> Result<Utf8PathBuf, TwinError> {
    // A crate without libstd cannot be a cdylib; as an rlib it takes longer.
    compile_as(invocation, directory, "cdylib").or_else(|error| match error {
        TwinError::Rustc(_) => compile_as(invocation, directory, "rlib"),
        error => Err(error),
    })
}

fn compile_as(
    invocation: &Invocation,
    directory: &Utf8Path,
    kind: &str,
) -> Result<Utf8PathBuf, TwinError> {
    let out = directory.join("out");
    let incremental = directory.join("incremental");
    let in_directory = |source| TwinError::Directory {
        path: directory.to_owned(),
        source,
    };
    // What an earlier twin left must not be taken for this one's.
    match std::fs::remove_dir_all(&out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(in_directory(error));
        }
        _ => {}
    }
    std::fs::create_dir_all(&out).map_err(in_directory)?;
    std::fs::create_dir_all(&incremental).map_err(in_directory)?;

    let program = invocation
        .arguments
        .first()
        .cloned()
        .unwrap_or_else(|| "rustc".to_owned());
    let mut command = Command::new(&program);
    command
        .args(telling_arguments(invocation).into_iter().map(with_rlib))
        .args([
            "--crate-type",
            kind,
            "--emit=obj",
            "-Cdebuginfo=2",
            "-Ccodegen-units=1",
            "-Cstrip=none",
        ])
        .args([
            "-Csplit-debuginfo=off",
            "-Clto=off",
            "--cap-lints=allow",
            "--error-format=short",
        ])
        .arg(format!("-Cincremental={incremental}"))
        .arg(format!("--out-dir={out}"))
        .envs(
            invocation
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        // The macros then export initial values and nothing else.
        .env("KT_BUILD", "types")
        .env_remove("KT_MAIN")
        .current_dir(&invocation.directory)
        .stdin(Stdio::null());
    for name in STALE_ENVIRONMENT {
        command.env_remove(name);
    }
    let output = command
        .output()
        .map_err(|source| TwinError::Start { program, source })?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        let first = messages
            .lines()
            .find(|line| line.contains("error"))
            .unwrap_or("no message");
        return Err(TwinError::Rustc(first.trim().to_owned()));
    }
    let objects = out.read_dir_utf8().map_err(in_directory)?;
    let mut objects = objects
        .flatten()
        .map(|entry| entry.into_path())
        .filter(|path| path.extension() == Some("o"));
    match (objects.next(), objects.next()) {
        (Some(object), None) => Ok(object),
        _ => Err(TwinError::NoObject(out)),
    }
}

/// While cargo pipelines, dependencies are given as `.rmeta`; a cdylib wants to know where their code is.
fn with_rlib(argument: String) -> String {
    let rlib = argument
        .strip_suffix(".rmeta")
        .map(|stem| format!("{stem}.rlib"));
    rlib.filter(|rlib| Utf8Path::new(path_of_extern(rlib)).exists())
        .unwrap_or(argument)
}

/// `/x/liby.rlib` of `y=/x/liby.rlib` or `priv:y=/x/liby.rlib`.
pub fn path_of_extern(value: &str) -> &str {
    value.split_once('=').map_or(value, |(_, path)| path)
}
