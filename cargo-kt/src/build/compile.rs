//! One compilation, run and recorded: the same code under cargo (the wrapper) and without it (replay).

use std::io::{self, BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::depinfo::DepInfo;
use super::file::{self, Stamp};
use super::record::{Mode, Record, Records, UnitKey};
use super::unit::{Purpose, Unit, with_crate_type};
use super::{Invocation, LinkLine, linker, symbols};

/// What a compilation is run with.
pub(super) struct Compilation<'a> {
    pub(super) records: &'a Records,
    pub(super) unit: &'a Unit,
    /// As cargo made it: this is what is recorded.
    pub(super) invocation: &'a Invocation,
    /// rustc's arguments for this time, without the compiler itself.
    pub(super) arguments: &'a [String],
    /// A command for the compiler, with environment and directory set.
    pub(super) command: &'a dyn Fn() -> Command,
}

/// Something other than rustc's own refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompilationError {
    #[error("rustc could not be run")]
    Spawn(#[source] io::Error),
    #[error("{what} of `{path}` failed")]
    File {
        what: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
    #[error("the symbols of `{unit}` could not be read: {detail}")]
    Symbols { unit: String, detail: String },
}

/// What a successful compilation of a program left.
struct Compiled {
    mode: Option<Mode>,
    link_line: Option<LinkLine>,
}

/// One run of rustc whose messages have not been shown yet.
struct Attempt {
    status: ExitStatus,
    messages: Vec<String>,
}

impl Compilation<'_> {
    /// Runs rustc and, where it succeeds, writes the record. Each line of its standard error goes to `forward`; a run whose
    /// result is thrown away is never seen.
    ///
    /// # Errors
    /// Those of the file system and of starting rustc. That the code does not compile is no error but the exit status.
    pub(super) fn run(
        &self,
        forward: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus, CompilationError> {
        let key = self.key();
        let previous = self.records.read(&key);
        let before = previous.as_ref().map(known_sources).unwrap_or_default();
        let started = self.file("making a file", self.records.directory(), file::clock)?;
        let externs = self
            .unit
            .externs
            .iter()
            .filter_map(|path| Some((path.clone(), Stamp::of(path)?)))
            .collect();
        let (status, compiled) = match self.unit.purpose {
            Purpose::Library | Purpose::Host => {
                let status = self.rustc(self.arguments, None, forward)?;
                (
                    status,
                    Compiled {
                        mode: None,
                        link_line: None,
                    },
                )
            }
            Purpose::Program => {
                self.program(previous.as_ref().and_then(|record| record.mode), forward)?
            }
        };
        if !status.success() {
            return Ok(status);
        }
        let (sources, environment, certain) = self.sources_read(&before, started)?;
        let mut artifacts = self.unit.artifacts();
        artifacts.extend(
            compiled
                .link_line
                .iter()
                .flat_map(|line| line.objects.clone()),
        );
        let record = Record {
            invocation: Some(self.invocation.clone()),
            mode: compiled.mode,
            link_line: compiled.link_line,
            certain,
            aborts_on_panic: self.unit.aborts_on_panic,
            sources,
            environment,
            artifacts: artifacts
                .into_iter()
                .filter_map(|path| Stamp::of(&path).map(|stamp| (path, stamp)))
                .collect(),
            externs,
            ..Record::empty()
        };
        self.file("writing the record", self.records.directory(), |_| {
            self.records.write(&key, &record)
        })?;
        Ok(status)
    }

    fn key(&self) -> UnitKey {
        UnitKey {
            out_dir: self.unit.out_dir.clone(),
            stem: self.unit.stem(),
        }
    }

    /// A bin or example: as an rlib if it has items of kt, else as an executable. What it was the last time is tried first.
    ///
    /// As an rlib a bin without items of kt has no use for `main` and warns of dead code, so the messages that are shown are
    /// always those of the way that is kept.
    fn program(
        &self,
        remembered: Option<Mode>,
        forward: &mut dyn FnMut(&str),
    ) -> Result<(ExitStatus, Compiled), CompilationError> {
        let mut show = |messages: &[String]| messages.iter().for_each(|line| forward(line));
        if remembered == Some(Mode::Executable) {
            let (executable, line) = self.as_executable()?;
            show(&executable.messages);
            return match line {
                Some(line) if self.has_main(&line)? => {
                    self.as_library_unseen()?
                        .map_or(Ok((executable.status, library())), |failed| {
                            show(&failed.messages);
                            Ok((failed.status, library()))
                        })
                }
                line => Ok((
                    executable.status,
                    Compiled {
                        mode: Some(Mode::Executable),
                        link_line: line,
                    },
                )),
            };
        }
        let attempt = self.as_library(&[])?;
        if attempt.status.success() && self.rlib_has_main()? {
            show(&attempt.messages);
            return Ok((attempt.status, library()));
        }
        if !attempt.status.success() && !attempt.failed_by_a_lint() {
            show(&attempt.messages);
            return Ok((attempt.status, library()));
        }
        // No item of kt, or a lint (`#![deny(dead_code)]`) that may only fail because this is no executable.
        let (executable, line) = self.as_executable()?;
        show(&executable.messages);
        match line {
            Some(line) if self.has_main(&line)? => match self.as_library_unseen()? {
                None => Ok((executable.status, library())),
                Some(failed) => {
                    show(&failed.messages);
                    Ok((failed.status, library()))
                }
            },
            line => Ok((
                executable.status,
                Compiled {
                    mode: Some(Mode::Executable),
                    link_line: line,
                },
            )),
        }
    }

    fn as_library(&self, more: &[&str]) -> Result<Attempt, CompilationError> {
        let mut arguments = with_crate_type(self.arguments, "rlib");
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let mut attempt = self.attempt(&arguments, None)?;
        attempt.messages.retain(|line| !is_about_crate_name(line));
        if attempt.status.success() {
            let executable = self.unit.executable();
            self.file("linking", &executable, |executable| {
                file::link(&self.unit.rlib(), executable)
            })?;
        }
        Ok(attempt)
    }

    /// Compiles as an rlib what has just compiled as an executable; `Some` if that fails after all.
    fn as_library_unseen(&self) -> Result<Option<Attempt>, CompilationError> {
        let attempt = self.as_library(&["--cap-lints=warn"])?;
        Ok((!attempt.status.success()).then_some(attempt))
    }

    fn as_executable(&self) -> Result<(Attempt, Option<LinkLine>), CompilationError> {
        let place = self.records.link_directory(&self.key());
        let staging = Utf8PathBuf::from(format!("{place}.new"));
        let mut arguments = self.arguments.to_vec();
        // The last one wins, so this also replaces a linker of the user's.
        arguments.extend([
            "-C".to_owned(),
            format!("linker={}", self.records.links().join(linker::NAME)),
        ]);
        match std::fs::remove_dir_all(&staging) {
            Err(source) if !file::is_absent(&source) => {
                return Err(CompilationError::File {
                    what: "removal",
                    path: staging,
                    source,
                });
            }
            _ => {}
        }
        // A name shared with an rlib of last time would make that one grow instead.
        let executable = self.unit.executable();
        match std::fs::remove_file(&executable) {
            Err(source) if !file::is_absent(&source) => {
                return Err(CompilationError::File {
                    what: "removal",
                    path: executable,
                    source,
                });
            }
            _ => {}
        }
        let attempt = self.attempt(&arguments, Some(&staging))?;
        if !attempt.status.success() {
            return Ok((attempt, None));
        }
        let line = self.file("reading the link line", &staging, |staging| {
            linker::adopt(staging, &place)
        })?;
        Ok((attempt, Some(line)))
    }

    fn attempt(
        &self,
        arguments: &[String],
        linker: Option<&Utf8Path>,
    ) -> Result<Attempt, CompilationError> {
        let mut messages = Vec::new();
        let status = self.rustc(arguments, linker, &mut |line| {
            messages.push(line.to_owned())
        })?;
        Ok(Attempt { status, messages })
    }

    fn rustc(
        &self,
        arguments: &[String],
        linker: Option<&Utf8Path>,
        line: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus, CompilationError> {
        let mut command = (self.command)();
        command.args(arguments).stderr(Stdio::piped());
        if self.unit.purpose == Purpose::Program {
            command.env("KT_MAIN", "1");
        }
        if let Some(directory) = linker {
            command.env(linker::DIRECTORY, directory);
        }
        let mut child = command.spawn().map_err(CompilationError::Spawn)?;
        let read = child.stderr.take().map_or(Ok(()), |stderr| {
            BufReader::new(stderr)
                .split(b'\n')
                .try_for_each(|bytes| bytes.map(|bytes| line(&String::from_utf8_lossy(&bytes))))
        });
        let status = child.wait().map_err(CompilationError::Spawn)?;
        read.map_err(CompilationError::Spawn)?;
        Ok(status)
    }

    fn rlib_has_main(&self) -> Result<bool, CompilationError> {
        symbols::rlib_has_main(self.unit.rlib().as_std_path()).map_err(|detail| {
            CompilationError::Symbols {
                unit: self.unit.stem(),
                detail,
            }
        })
    }

    fn has_main(&self, line: &LinkLine) -> Result<bool, CompilationError> {
        symbols::objects_have_main(line.objects.iter().map(|path| path.as_std_path())).map_err(
            |detail| CompilationError::Symbols {
                unit: self.unit.stem(),
                detail,
            },
        )
    }

    /// The sources by rustc's own account, hashed now, and whether that is surely what rustc read.
    #[expect(
        clippy::type_complexity,
        reason = "three fields of the record, built in one place"
    )]
    fn sources_read(
        &self,
        before: &[(Utf8PathBuf, Option<String>)],
        started: i128,
    ) -> Result<
        (
            Vec<(Utf8PathBuf, String)>,
            Vec<(String, Option<String>)>,
            bool,
        ),
        CompilationError,
    > {
        let path = self.unit.dep_info();
        let text = self.file("reading", &path, |path| std::fs::read_to_string(path))?;
        let info = DepInfo::parse(&text, &self.invocation.directory);
        let (sources, certain) = hash_sources(info.files, before, started);
        Ok((sources, info.environment, certain))
    }

    fn file<P: AsRef<Utf8Path> + ?Sized, T>(
        &self,
        what: &'static str,
        path: &P,
        action: impl FnOnce(&Utf8Path) -> io::Result<T>,
    ) -> Result<T, CompilationError> {
        let path = path.as_ref();
        action(path).map_err(|source| CompilationError::File {
            what,
            path: path.to_owned(),
            source,
        })
    }
}

impl Attempt {
    /// Whether an error of this run has the name of a lint, not a code such as E0425: another crate type may not have it.
    fn failed_by_a_lint(&self) -> bool {
        self.messages
            .iter()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .any(|message| {
                let code = message["code"]["code"].as_str();
                message["level"] == "error" && code.is_some_and(|code| !code.starts_with('E'))
            })
    }
}

fn library() -> Compiled {
    Compiled {
        mode: Some(Mode::Library),
        link_line: None,
    }
}

/// rustc wants snake case of a library's name and says nothing about a program's.
fn is_about_crate_name(line: &str) -> bool {
    line.contains("non_snake_case")
        && line.contains("should have a snake case name")
        && line.contains("\"message\":\"crate `")
}

/// The sources of the last time, as they are now.
fn known_sources(record: &Record) -> Vec<(Utf8PathBuf, Option<String>)> {
    let paths: Vec<_> = record
        .sources
        .iter()
        .map(|(path, _)| path.as_path())
        .collect();
    paths
        .iter()
        .map(|path| path.to_path_buf())
        .zip(file::hash_all(&paths))
        .collect()
}

/// Hashes `files` as they are now. They are surely what was read since `started` if those known before have not changed,
/// and the others were last changed earlier (ctime, which cannot be set back as mtime can).
pub(super) fn hash_sources(
    files: Vec<Utf8PathBuf>,
    before: &[(Utf8PathBuf, Option<String>)],
    started: i128,
) -> (Vec<(Utf8PathBuf, String)>, bool) {
    let paths: Vec<_> = files.iter().map(Utf8PathBuf::as_path).collect();
    let hashes = file::hash_all(&paths);
    let certain = paths.iter().zip(&hashes).all(|(path, hash)| {
        match before.iter().find(|(known, _)| known == path) {
            Some((_, known)) => hash.is_some() && known == hash,
            None => {
                hash.is_some() && file::changed_at(path).is_some_and(|changed| changed < started)
            }
        }
    });
    (
        files
            .into_iter()
            .zip(hashes.into_iter().map(Option::unwrap_or_default))
            .collect(),
        certain,
    )
}
