//! The zig executable, and its names of targets.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    process::Command,
};

use camino::Utf8PathBuf;

use super::{Glibc, GlibcError};

/// The path of zig. It has precedence.
const VARIABLE: &str = "KT_ZIG";

/// The Python package `ziglang` contains the executable, which runs without Python.
const ASK_PYTHON: &str =
    "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";

/// A zig executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zig {
    pub program: Utf8PathBuf,
}

impl Zig {
    /// `KT_ZIG`, `zig` in PATH, or that of the Python package `ziglang`.
    ///
    /// # Errors
    /// If none is found, or `KT_ZIG` is not a working zig.
    pub fn find(environment: &BTreeMap<OsString, OsString>) -> Result<Self, GlibcError> {
        let variable = |name: &str| environment.get(OsStr::new(name));
        if let Some(named) = variable(VARIABLE).filter(|named| !named.is_empty()) {
            let program = Utf8PathBuf::from(named.to_string_lossy().into_owned());
            return match answer(environment, program.as_str(), &["version"]) {
                Ok(_) => Ok(Self { program }),
                Err(stderr) => Err(GlibcError::NotZig { program, stderr }),
            };
        }
        let in_path = std::env::split_paths(variable("PATH").map_or(OsStr::new(""), |path| path))
            .filter_map(|folder| Utf8PathBuf::from_path_buf(folder.join("zig")).ok())
            .find(|file| file.is_file());
        if let Some(program) = in_path {
            return Ok(Self { program });
        }
        for python in ["python3", "python"] {
            let printed = answer(environment, python, &["-c", ASK_PYTHON]);
            let program = printed.map(|path| Utf8PathBuf::from(path.trim()));
            if let Some(program) = program.ok().filter(|program| program.is_file()) {
                return Ok(Self { program });
            }
        }
        Err(GlibcError::NoZig)
    }
}

fn answer(
    environment: &BTreeMap<OsString, OsString>,
    program: &str,
    arguments: &[&str],
) -> Result<String, String> {
    let ran = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .output()
        .map_err(|error| error.to_string())?;
    match ran.status.success() {
        true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
    }
}

/// `x86_64-unknown-linux-gnu` with a glibc as zig calls it: `x86_64-linux-gnu.2.31`.
///
/// # Errors
/// If the target is not supported.
pub(super) fn triple(target: &str, glibc: Glibc) -> Result<String, GlibcError> {
    match target.split_once("-unknown-linux-gnu") {
        Some((machine @ ("x86_64" | "aarch64"), "")) => Ok(format!("{machine}-linux-gnu.{glibc}")),
        _ => Err(GlibcError::Target {
            target: target.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_zigs_name() {
        let zigs = triple("aarch64-unknown-linux-gnu", Glibc(2, 28)).unwrap();
        assert_eq!(zigs, "aarch64-linux-gnu.2.28");
        for other in ["x86_64-unknown-linux-musl", "riscv64gc-unknown-linux-gnu"] {
            assert!(triple(other, Glibc(2, 28)).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_no_zig_and_where_none_is_is_said() {
        let environment = |name: &str, value: &str| {
            BTreeMap::from([(OsString::from(name), OsString::from(value))])
        };
        let error = Zig::find(&environment("PATH", "/nowhere")).unwrap_err();
        assert!(error.to_string().contains("pip install ziglang"), "{error}");
        let error = Zig::find(&environment("KT_ZIG", "/bin/false")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`/bin/false` is not a working zig"),
            "{error}"
        );
    }
}
