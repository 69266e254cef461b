//! Finds the installed gdb and gdbserver.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::DebugError;

/// The oldest gdb with non-stop mode over `extended-remote` and the Python API that `session.py`
/// uses.
const OLDEST: u32 = 12;
/// The first gdb with a server for the Debug Adapter Protocol.
const DAP: u32 = 14;

/// The variable that rust-gdb also reads.
const VARIABLE: &str = "RUST_GDB";

/// A usable gdb.
#[derive(Debug, Clone)]
pub struct Gdb {
    pub program: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    major: u32,
    text: String,
}

impl Gdb {
    /// Finds the gdb in `RUST_GDB`, else `gdb`.
    ///
    /// # Errors
    /// If it is missing, too old, or has no Python.
    pub fn find() -> Result<Self, DebugError> {
        let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty());
        let program = named.map_or_else(|| "gdb".into(), PathBuf::from);
        let name = program.display().to_string();
        let version = run(&program, &["--version"])?;
        let version = Version::parse(&version).ok_or_else(|| DebugError::NotGdb {
            program: name.clone(),
            printed: version.lines().next().unwrap_or("nothing").to_owned(),
        })?;
        if version.major < OLDEST {
            return Err(DebugError::OldGdb {
                program: name,
                found: version.text,
                needed: OLDEST,
            });
        }
        let python = run(
            &program,
            &["-nx", "-batch", "-ex", "python print('python')"],
        )?;
        if python.trim() != "python" {
            return Err(DebugError::NoPython { program: name });
        }
        Ok(Self { program, version })
    }

    /// # Errors
    /// If it has no server for the Debug Adapter Protocol.
    pub fn check_dap(&self) -> Result<(), DebugError> {
        if self.version.major >= DAP {
            return Ok(());
        }
        Err(DebugError::NoDap {
            found: self.version.text.clone(),
        })
    }
}

/// # Errors
/// If gdbserver, which local services need, is missing.
pub fn check_gdbserver() -> Result<(), DebugError> {
    run(Path::new("gdbserver"), &["--version"])
        .map(drop)
        .map_err(|error| match error {
            DebugError::NoGdb { .. } => DebugError::NoGdbserver,
            error => error,
        })
}

/// The stdout of a program.
fn run(program: &Path, arguments: &[&str]) -> Result<String, DebugError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => DebugError::NoGdb {
                program: program.display().to_string(),
            },
            _ => DebugError::Io {
                what: format!("start `{}`", program.display()),
                source,
            },
        })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Version {
    /// Parses `GNU gdb (Debian 13.1-3) 13.1`: the last word of the first line starts with the
    /// version.
    fn parse(text: &str) -> Option<Self> {
        let first = text.lines().next().filter(|line| line.contains("gdb"))?;
        let text = first.rsplit(' ').next()?;
        let major = text.split(['.', '-']).next()?.parse().ok()?;
        Some(Self {
            major,
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_last_word_of_the_first_line() {
        for (text, major) in [
            ("GNU gdb (Debian 13.1-3) 13.1\nCopyright", 13),
            ("GNU gdb (GDB) Fedora Linux 14.2-1.fc40", 14),
            ("GNU gdb (Ubuntu 9.2-0ubuntu1~20.04.2) 9.2", 9),
            ("GNU gdb (GDB) 12.0.90.20220402-git", 12),
        ] {
            assert_eq!(
                Version::parse(text).map(|it| it.major),
                Some(major),
                "{text}"
            );
        }
        assert_eq!(Version::parse("lldb version 17"), None);
        assert_eq!(Version::parse(""), None);
    }
}
