//! Runs lld.

use std::{fs, os::unix::process::ExitStatusExt, process::Command};

use camino::{Utf8Path, Utf8PathBuf};

use super::{LinkError, kt_dir};
use crate::{context::Toolchain, logging};

/// Longer commands use a response file. The kernel accepts 128 KiB for one argument and 2 MiB for
/// all.
const MAX_COMMAND: usize = 96 * 1024;

/// How many lines of the linker's stderr an error repeats.
const MAX_STDERR_LINES: usize = 24;

/// `lld -flavor gnu`.
#[derive(Debug, Clone)]
pub(super) struct Lld {
    program: Utf8PathBuf,
}

/// The linker failed. Its stderr has mangled names, to find undefined symbols.
#[derive(Debug)]
pub(super) struct LinkFailure {
    pub stderr: String,
}

impl Lld {
    pub fn of(toolchain: &Toolchain) -> Result<Self, LinkError> {
        let program = &toolchain.lld;
        if !program.is_file() {
            return Err(LinkError::NoLld {
                path: program.clone(),
            });
        }
        Ok(Self::at(program.clone()))
    }

    pub fn at(program: Utf8PathBuf) -> Self {
        Self { program }
    }

    pub fn program(&self) -> &Utf8Path {
        &self.program
    }

    /// The command as a shell command line.
    pub fn command(&self, arguments: &[String], output: &Utf8Path) -> String {
        let arguments = arguments
            .iter()
            .map(|argument| quote(argument))
            .collect::<Vec<_>>()
            .join(" ");
        format!(
            "{} -flavor gnu -o {} {arguments}",
            quote(self.program.as_str()),
            quote(output.as_str())
        )
    }

    /// Links to `output` atomically.
    pub fn link(
        &self,
        arguments: &[String],
        output: &Utf8Path,
    ) -> Result<Result<(), LinkFailure>, LinkError> {
        kt_dir::create_parent(output)?;
        let temporary = kt_dir::temporary(output);
        let (done, stderr) = self.run(arguments, &temporary, false)?;
        if !done {
            let _ = fs::remove_file(&temporary);
            return Ok(Err(LinkFailure { stderr }));
        }
        fs::rename(&temporary, output).map_err(LinkError::io("rename a linked file to", output))?;
        Ok(Ok(()))
    }

    /// The error for a failed link. Links again, for readable names.
    pub fn error(&self, what: &str, arguments: &[String], output: &Utf8Path) -> LinkError {
        let temporary = kt_dir::temporary(output);
        let stderr = match self.run(arguments, &temporary, true) {
            Ok((_, stderr)) => stderr,
            Err(error) => return error,
        };
        let _ = fs::remove_file(&temporary);
        let mut lines: Vec<_> = stderr.lines().collect();
        let more = lines.len().saturating_sub(MAX_STDERR_LINES);
        lines.truncate(MAX_STDERR_LINES);
        let mut stderr = lines.join("\n");
        if more > 0 {
            stderr.push_str(&format!("\n… and {more} more lines"));
        }
        LinkError::Lld {
            what: what.to_owned(),
            stderr,
            command: self.command(arguments, output),
        }
    }

    fn run(
        &self,
        arguments: &[String],
        output: &Utf8Path,
        readable: bool,
    ) -> Result<(bool, String), LinkError> {
        let mut command = Command::new(&self.program);
        command.args([
            "-flavor",
            "gnu",
            "--color-diagnostics=never",
            "--error-limit=0",
        ]);
        command.arg(if readable {
            "--demangle"
        } else {
            "--no-demangle"
        });
        command.args(["-o", output.as_str()]);
        let mut response = None;
        if arguments
            .iter()
            .map(|argument| argument.len() + 1)
            .sum::<usize>()
            > MAX_COMMAND
        {
            let file = Utf8PathBuf::from(format!("{output}.rsp"));
            let lines: Vec<_> = arguments
                .iter()
                .map(|argument| response_line(argument))
                .collect();
            kt_dir::write(&file, lines.join("\n").as_bytes())?;
            command.arg("--rsp-quoting=posix").arg(format!("@{file}"));
            response = Some(file);
        } else {
            command.args(arguments);
        }
        if let Ok(preloaded) = std::env::var("LD_PRELOAD") {
            command.env("LD_PRELOAD", without_mold(&preloaded));
        }
        let logged = logging::started(&command);
        let ran = command
            .output()
            .map_err(LinkError::io("run", &self.program));
        response.map(fs::remove_file);
        let ran = ran?;
        logged.exited(ran.status);
        if ran.status.signal() == Some(libc::SIGBUS) {
            let _ = fs::remove_file(output);
            return Err(LinkError::NoSpace {
                path: output.to_owned(),
            });
        }
        Ok((
            ran.status.success(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        ))
    }
}

/// The value of `LD_PRELOAD` without the library of `mold -run`, which replaces linkers by their
/// names, also `ld.lld`. mold does not know all of kt's arguments.
fn without_mold(preloaded: &str) -> String {
    preloaded
        .split([':', ' '])
        .filter(|library| !library.ends_with("/mold-wrapper.so"))
        .collect::<Vec<_>>()
        .join(":")
}

impl LinkFailure {
    /// Arguments that lld does not know.
    pub fn unknown_arguments(&self) -> Vec<String> {
        let unknown = self.stderr.lines().filter_map(|line| {
            let (_, rest) = line.split_once("error: unknown argument '")?;
            Some(rest.split_once('\'')?.0.to_owned())
        });
        unknown.collect()
    }

    /// Undefined symbols, mangled, each with the archives whose members name it.
    pub fn undefined(&self) -> Vec<(String, Vec<Utf8PathBuf>)> {
        let mut found: Vec<(String, Vec<Utf8PathBuf>)> = Vec::new();
        for line in self.stderr.lines() {
            if line.contains("error: ") {
                let symbol = line
                    .split_once("error: undefined ")
                    .and_then(|(_, rest)| rest.split_once("symbol: "));
                match symbol {
                    Some((_, name)) => found.push((name.to_owned(), Vec::new())),
                    // Another error follows; its ">>>" lines do not belong to the symbol.
                    None => found.push((String::new(), Vec::new())),
                }
            } else if let (Some((_, archive)), Some(last)) =
                (line.split_once(" in archive "), found.last_mut())
            {
                last.1.push(archive.into());
            }
        }
        found.retain(|(name, _)| !name.is_empty());
        found
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    if argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

fn response_line(argument: &str) -> String {
    format!("\"{}\"", argument.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_arguments_are_read_from_the_linkers_stderr() {
        let stderr = "rust-lld: error: unknown argument '--a=b'\n\
                      ld.lld: error: unknown argument '--gc-section', did you mean '--gc-sections'\n\
                      rust-lld: error: undefined symbol: x\n"
            .to_owned();
        let unknown = LinkFailure { stderr }.unknown_arguments();
        assert_eq!(unknown, ["--a=b", "--gc-section"]);
    }

    #[test]
    fn other_preloaded_libraries_stay() {
        let mold = "/usr/bin/../lib/mold/mold-wrapper.so";
        for (before, after) in [
            (mold.to_owned(), ""),
            (format!("{mold}:/lib/liba.so"), "/lib/liba.so"),
            (format!("/lib/liba.so {mold}"), "/lib/liba.so"),
        ] {
            assert_eq!(without_mold(&before), after);
        }
    }

    #[test]
    fn undefined_symbols_are_read_from_the_linkers_stderr() {
        let stderr = "\
rust-lld: error: undefined symbol: sqlite3_wal
>>> referenced by wal.c
>>>               wal.o:(f) in archive /t/libsqlite.rlib
>>> referenced by wal.c:7
>>>               wal.o:(g) in archive /t/libother.rlib

rust-lld: error: undefined hidden symbol: h
>>> referenced by h.o:(x) in archive /t/libh.rlib
rust-lld: error: duplicate symbol: d
>>> defined at d.o in archive /t/libd.rlib
";
        let undefined = LinkFailure {
            stderr: stderr.into(),
        }
        .undefined();
        let expected = [
            (
                "sqlite3_wal".to_owned(),
                vec!["/t/libsqlite.rlib".into(), "/t/libother.rlib".into()],
            ),
            ("h".to_owned(), vec!["/t/libh.rlib".into()]),
        ];
        assert_eq!(undefined, expected);
    }

    #[test]
    fn a_command_is_quoted_for_the_shell() {
        assert_eq!(quote("-L/a b"), "'-L/a b'");
        assert_eq!(quote("--build-id=0x12"), "--build-id=0x12");
        assert_eq!(response_line(r#"a\"b"#), r#""a\\\"b""#);
    }
}
