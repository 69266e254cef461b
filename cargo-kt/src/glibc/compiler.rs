//! zig as the C compiler of build scripts: this executable under another name, which adapts the
//! arguments.
//!
//! The environment variables are those of the `cc` crate (<https://docs.rs/cc>, "External
//! configuration via environment variables"). cargo runs build scripts again that declared a
//! dependency on them. Only C: zig's C++ has another standard library than build scripts expect.

use std::{
    ffi::OsString,
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{CompiledCode, Glibc, GlibcError, Zig, zig::triple};
use crate::context::CargoContext;

/// The symbolic link's name.
const NAME: &str = "kt-zig-cc";
/// Its settings, in the same folder.
const SETTINGS: &str = "kt-zig-cc.json";

/// A C compiler for one glibc. Each has its own path.
#[derive(Debug, Clone)]
pub struct CCompiler {
    path: Utf8PathBuf,
    settings: Settings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    /// Target triple, as Rust names it.
    target: String,
    zig: Utf8PathBuf,
    /// Target triple, as zig names it, with the version of glibc.
    triple: String,
    /// zig's cache of glibc headers and objects.
    cache: Utf8PathBuf,
    /// The output folder of build scripts for the target. Others run during the build and are
    /// compiled for this machine.
    outputs: Utf8PathBuf,
}

impl CCompiler {
    /// From now on, compiles all C code of build scripts in the kt directory `warm` for a glibc.
    /// cargo's files for the target are below `outputs`, zig's below `cache`.
    ///
    /// # Errors
    /// If zig is not found, or a file cannot be written.
    pub fn introduce(
        warm: &Utf8Path,
        (target, glibc): (&str, Glibc),
        outputs: &Utf8Path,
        cache: &Utf8Path,
        context: &CargoContext,
    ) -> Result<(), GlibcError> {
        let settings = Settings {
            target: target.to_owned(),
            zig: Zig::find(&context.environment)?.program,
            triple: triple(target, glibc)?,
            cache: cache.join("zig"),
            outputs: outputs.to_owned(),
        };
        let folder = folder(warm, target, glibc);
        fs::create_dir_all(&folder).map_err(GlibcError::io("create", &folder))?;
        let file = folder.join(SETTINGS);
        let text = serde_json::to_vec(&settings).map_err(|error| GlibcError::Io {
            action: "write",
            path: file.clone(),
            source: error.into(),
        })?;
        fs::write(&file, text).map_err(GlibcError::io("write", &file))?;
        let path = folder.join(NAME);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(&context.executable, &path)
            .map_err(GlibcError::io("write", &path))?;
        let mut memory = CompiledCode::read(warm);
        memory.set(target, glibc);
        memory.write();
        Ok(())
    }

    /// The compilers that were introduced, one for each target, if their files are still there.
    pub fn all(warm: &Utf8Path) -> Vec<Self> {
        let known = |(target, glibc): (String, Glibc)| {
            let path = folder(warm, &target, glibc).join(NAME);
            let settings = fs::read(path.with_file_name(SETTINGS)).ok()?;
            let settings: Settings = serde_json::from_slice(&settings).ok()?;
            // `is_file` follows the link.
            (path.is_file() && settings.zig.is_file()).then_some(Self { path, settings })
        };
        let compiled = CompiledCode::read(warm);
        compiled.into_targets().filter_map(known).collect()
    }

    /// The variables that make build scripts use it.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let target = self.settings.target.replace('-', "_");
        vec![(format!("CC_{target}").into(), self.path.as_str().into())]
    }
}

/// One for each version: cargo detects a change by the compiler's path.
fn folder(warm: &Utf8Path, target: &str, glibc: Glibc) -> Utf8PathBuf {
    warm.join(format!("zig-{target}-{glibc}"))
}

/// Acts as the C compiler if this process was started under that name. Returns only on failure.
pub fn multi_call() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = Utf8PathBuf::from(arguments.next()?.into_string().ok()?);
    if name.file_name() != Some(NAME) {
        return None;
    }
    let mut command = match command(&name, std::env::var_os("OUT_DIR"), arguments.collect()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}");
            return Some(ExitCode::FAILURE);
        }
    };
    let error = command.exec();
    eprintln!("error: failed to run {:?}: {error}", command.get_program());
    Some(ExitCode::FAILURE)
}

fn command(
    name: &Utf8Path,
    out_dir: Option<OsString>,
    arguments: Vec<OsString>,
) -> Result<Command, GlibcError> {
    let file = name.with_file_name(SETTINGS);
    let text = fs::read(&file).map_err(GlibcError::io("read", &file))?;
    let settings: Settings = serde_json::from_slice(&text).map_err(|error| GlibcError::Io {
        action: "read",
        path: file,
        source: error.into(),
    })?;
    let for_target =
        out_dir.is_none_or(|out_dir| std::path::Path::new(&out_dir).starts_with(&settings.outputs));
    if !for_target {
        let mut command = Command::new("cc");
        command.args(arguments);
        return Ok(command);
    }
    let mut command = Command::new(&settings.zig);
    command
        // Without optimization zig checks for undefined behavior, with its own library.
        .args(["cc", "-target", &settings.triple, "-fno-sanitize=undefined"])
        .args(without_target(arguments))
        .env("ZIG_GLOBAL_CACHE_DIR", &settings.cache)
        .env("ZIG_LOCAL_CACHE_DIR", &settings.cache);
    Ok(command)
}

/// The arguments without clang's target triple, which zig does not accept.
fn without_target(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        if argument == "-target" || argument == "--target" {
            rest.next();
        } else if !argument.to_string_lossy().starts_with("--target=") {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &Command) -> String {
        let arguments = std::iter::once(command.get_program()).chain(command.get_args());
        arguments
            .map(|argument| argument.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn code_of_the_target_is_compiled_by_zig_and_code_that_runs_while_building_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = Utf8Path::from_path(folder.path()).unwrap().join(NAME);
        let settings = Settings {
            target: "x86_64-unknown-linux-gnu".into(),
            zig: "/opt/zig".into(),
            triple: "x86_64-linux-gnu.2.31".into(),
            cache: "/cache".into(),
            outputs: "/t/kt/x86_64-unknown-linux-gnu".into(),
        };
        fs::write(
            name.with_file_name(SETTINGS),
            serde_json::to_vec(&settings).unwrap(),
        )
        .unwrap();
        let arguments = || -> Vec<OsString> {
            ["-O2", "--target=x86_64-unknown-linux-gnu", "-c", "a.c"]
                .map(OsString::from)
                .into()
        };
        let of = |out_dir: Option<&str>| {
            line(&command(&name, out_dir.map(OsString::from), arguments()).unwrap())
        };
        let zig = "/opt/zig cc -target x86_64-linux-gnu.2.31 -fno-sanitize=undefined -O2 -c a.c";
        assert_eq!(
            of(Some("/t/kt/x86_64-unknown-linux-gnu/debug/build/a/out")),
            zig
        );
        assert_eq!(of(None), zig);
        let plain = "cc -O2 --target=x86_64-unknown-linux-gnu -c a.c";
        assert_eq!(of(Some("/t/kt/debug/build/a/out")), plain);
    }
}
