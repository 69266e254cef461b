//! The *type probe*: a second run of rustc over a crate, only to read the layout of its types from
//! the debug information.
//!
//! It has the arguments of the real run, except those that select output files and their debug
//! information:
//! - `-C debuginfo=2`, which the real run omits because it nearly doubles the time;
//! - no remote function and no `main` is exported (`KT_BUILD=types`), and
//! - `--crate-type cdylib`, where only exported items are roots: rustc generates code only for what
//!   the states need. The layout of a type does not depend on the crate type, and neither does its
//!   `TypeId`: the crate's identity in rustc (`StableCrateId`) depends only on whether it is an
//!   executable;
//! - one codegen unit, so that each type is described once, and no link-time optimization, so that
//!   the object is ELF.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::artifacts::Invocation;
use crate::context::{
    Wrappers,
    argfile::{self, Started},
};
use crate::logging;

/// Why a type probe failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypeProbeError {
    #[error("failed to use {path}")]
    Directory {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("failed to start `{program}`")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("failed to compile the crate with full debug information: {0}")]
    Rustc(String),
    #[error("rustc did not write exactly one object file to {0}")]
    NoObject(Utf8PathBuf),
}

/// Jobserver file descriptors of a cargo that exited: rustc would warn about them and continue.
pub const STALE_ENVIRONMENT: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// Options with a value that only affect output files, linking and diagnostics.
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

/// The arguments of an invocation that can influence a type, without the compiler's path.
pub fn relevant_arguments(invocation: &Invocation) -> Vec<String> {
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

/// Compiles the type probe into `directory`, which only it uses, and returns its object. The caller
/// holds a lock on the directory.
///
/// # Errors
/// If rustc cannot be started or fails. The message has its first error, as the real run has
/// printed them all.
pub fn compile(
    invocation: &Invocation,
    wrappers: &Wrappers,
    directory: &Utf8Path,
) -> Result<Utf8PathBuf, TypeProbeError> {
    // A crate without libstd cannot be a cdylib. As an rlib it takes longer.
    let as_kind = |kind| compile_as(invocation, wrappers, directory, kind);
    as_kind("cdylib").or_else(|error| match error {
        TypeProbeError::Rustc(_) => as_kind("rlib"),
        error => Err(error),
    })
}

fn compile_as(
    invocation: &Invocation,
    wrappers: &Wrappers,
    directory: &Utf8Path,
    kind: &str,
) -> Result<Utf8PathBuf, TypeProbeError> {
    let out = directory.join("out");
    let incremental = directory.join("incremental");
    let in_directory = |source| TypeProbeError::Directory {
        path: directory.to_owned(),
        source,
    };
    // The output of an earlier probe must not be mistaken for this one's.
    match std::fs::remove_dir_all(&out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(in_directory(error));
        }
        _ => {}
    }
    std::fs::create_dir_all(&out).map_err(in_directory)?;
    std::fs::create_dir_all(&incremental).map_err(in_directory)?;
    let program = invocation.arguments.first();
    let rustc = || {
        command(
            wrappers,
            program.map_or("rustc", String::as_str),
            invocation,
        )
    };
    run_rustc(rustc, &arguments(invocation, kind, &incremental, &out))?;
    let objects = out.read_dir_utf8().map_err(in_directory)?;
    let mut objects = objects
        .flatten()
        .map(|entry| entry.into_path())
        .filter(|path| path.extension() == Some("o"));
    match (objects.next(), objects.next()) {
        (Some(object), None) => Ok(object),
        _ => Err(TypeProbeError::NoObject(out)),
    }
}

/// The arguments of rustc for a type probe.
fn arguments(
    invocation: &Invocation,
    kind: &str,
    incremental: &Utf8Path,
    out: &Utf8Path,
) -> Vec<String> {
    let options = [
        "--crate-type",
        kind,
        "--emit=obj",
        "-Cdebuginfo=2",
        "-Ccodegen-units=1",
        "-Cstrip=none",
        "-Csplit-debuginfo=off",
        "-Clto=off",
        "--cap-lints=allow",
        "--error-format=short",
    ];
    let directories = [
        format!("-Cincremental={incremental}"),
        format!("--out-dir={out}"),
    ];
    with_rlibs(relevant_arguments(invocation))
        .into_iter()
        .chain(options.map(str::to_owned))
        .chain(directories)
        .collect()
}

/// A call of rustc for a type probe, without arguments.
fn command(wrappers: &Wrappers, rustc: &str, invocation: &Invocation) -> Command {
    let mut command = wrappers.member_command(rustc);
    let environment = invocation.environment.iter();
    command
        .envs(environment.map(|(name, value)| (name, value)))
        // With this, kt's macros export initial values only.
        .env("KT_BUILD", "types")
        .env_remove("KT_MAIN")
        .current_dir(&invocation.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for name in STALE_ENVIRONMENT {
        command.env_remove(name);
    }
    command
}

fn run_rustc(rustc: impl Fn() -> Command, arguments: &[String]) -> Result<(), TypeProbeError> {
    let logged = logging::started(rustc().args(arguments));
    let failed = |source| TypeProbeError::Start {
        program: rustc().get_program().to_string_lossy().into_owned(),
        source,
    };
    let Started { child, file } = argfile::spawn(&rustc, arguments).map_err(failed)?;
    let output = child.wait_with_output().map_err(failed)?;
    drop(file);
    logged.exited(output.status);
    if output.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    let first = messages
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("no message");
    Err(TypeProbeError::Rustc(first.trim().to_owned()))
}

/// Adds the `.rlib` of each dependency. With cargo's pipelining, dependencies are passed as
/// `.rmeta`, but a cdylib needs their code. An rlib alone would not be enough: it may have no
/// metadata (`-Zembed-metadata=no`).
fn with_rlibs(arguments: Vec<String>) -> Vec<String> {
    let rlib_of = |argument: &String| {
        let rlib = format!("{}.rlib", argument.strip_suffix(".rmeta")?);
        let is_new = Utf8Path::new(path_of_extern(&rlib)).exists() && !arguments.contains(&rlib);
        is_new.then_some(rlib)
    };
    let rlibs: Vec<_> = arguments.iter().filter_map(rlib_of).collect();
    let externs = rlibs
        .into_iter()
        .flat_map(|rlib| ["--extern".to_owned(), rlib.replacen("--extern=", "", 1)]);
    let externs: Vec<_> = externs.collect();
    arguments.into_iter().chain(externs).collect()
}

/// `/x/liby.rlib` of `y=/x/liby.rlib` or `priv:y=/x/liby.rlib`.
pub fn path_of_extern(value: &str) -> &str {
    value.split_once('=').map_or(value, |(_, path)| path)
}
