//! Runs and records one compilation. Both the wrapper (under cargo) and the replay (without it) use
//! it.

use std::io::{self, BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::depinfo::DepInfo;
use super::file::{self, Stamp};
use super::linker;
use super::record::{Mode, Origin, Record, UnitKey};
use super::records::Records;
use super::types::Types;
use super::unit::{self, Purpose, Unit};
use crate::artifacts::{Invocation, LinkLine};
use crate::context::argfile::{self, Started};
use crate::linux::process_tree;
use crate::logging;

/// The parameters of a compilation.
pub(super) struct Compilation<'a> {
    pub(super) records: &'a Records,
    pub(super) unit: &'a Unit,
    /// As cargo wrote it. This is what the record holds.
    pub(super) invocation: &'a Invocation,
    /// rustc's arguments for this run, without the compiler.
    pub(super) arguments: &'a [String],
    /// A command for the compiler, with environment and directory set.
    pub(super) command: &'a dyn Fn() -> Command,
    /// Waits for the rlibs of all dependencies, which only linking requires. False if one failed.
    pub(super) before_linking: &'a dyn Fn() -> bool,
}

/// A failure other than code that does not compile.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompilationError {
    #[error("failed to run rustc")]
    Spawn(#[source] io::Error),
    #[error("failed to {what} `{path}`")]
    File {
        what: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
    #[error("failed to read the symbols of `{unit}`: {detail}")]
    Symbols { unit: String, detail: String },
    #[error("a dependency failed to compile")]
    Upstream,
}

/// The result of a compilation, besides its artifacts.
pub(super) struct Made {
    /// For bins and examples.
    pub(super) mode: Option<Mode>,
    pub(super) link_line: Option<LinkLine>,
}

impl Made {
    pub(super) fn library() -> Self {
        Self {
            mode: Some(Mode::Library),
            link_line: None,
        }
    }
}

/// One run of rustc whose messages are not printed yet.
pub(super) struct Attempt {
    pub(super) status: ExitStatus,
    pub(super) messages: Vec<String>,
}

impl Compilation<'_> {
    /// Runs rustc and, if it succeeds, writes the record. Each line of stderr goes to `forward`,
    /// except those of a run whose result is discarded.
    ///
    /// # Errors
    /// If the file system fails or rustc cannot be started. Code that does not compile is not an
    /// error but an exit status.
    pub(super) fn run(
        &self,
        forward: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus, CompilationError> {
        let key = self.key();
        let previous = self.records.read(&key);
        let before = previous.as_ref().map(known_sources).unwrap_or_default();
        let types = Types::begin(self.records, self.unit, self.invocation, previous.as_ref());
        let started = self.file("create a file in", self.records.directory(), file::clock)?;
        let externs = unit::externs(self.arguments)
            .map(|path| (path.clone(), Stamp::of(&path)))
            .collect();
        let (status, made) = match self.unit.purpose {
            Purpose::Library | Purpose::Host => (
                self.library(&types, forward)?,
                Made {
                    mode: None,
                    link_line: None,
                },
            ),
            Purpose::Program => self.program(
                &types,
                previous.as_ref().and_then(|record| record.mode),
                forward,
            )?,
        };
        if !status.success() {
            return Ok(status);
        }
        types
            .remember()
            .map_err(|(path, source)| CompilationError::File {
                what: "write the type identity to",
                path,
                source,
            })?;
        let (sources, environment, certain) = self.sources_read(&before, started)?;
        let mut artifacts = self.unit.artifacts();
        artifacts.extend(made.link_line.iter().flat_map(|line| line.objects.clone()));
        let record = Record {
            invocation: Some(self.invocation.clone()),
            mode: made.mode,
            link_line: made.link_line,
            certain,
            sources,
            environment,
            artifacts: artifacts
                .into_iter()
                .filter_map(|path| Stamp::of(&path).map(|stamp| (path, stamp)))
                .collect(),
            externs,
            types: types.id(),
            debug_info: types.debug_info(),
            ..Record::empty(key.clone(), self.package(), &self.invocation.directory)
        };
        self.file("write a record to", self.records.directory(), |_| {
            self.records.write(&key, &record)
        })?;
        Ok(status)
    }

    fn package(&self) -> Origin {
        let variable = |wanted: &str| {
            let mut set = self.invocation.environment.iter();
            set.find(|(name, _)| name == wanted)
                .map_or("", |(_, value)| value)
        };
        Origin {
            name: variable("CARGO_PKG_NAME").to_owned(),
            directory: variable("CARGO_MANIFEST_DIR").into(),
        }
    }

    pub(super) fn key(&self) -> UnitKey {
        self.unit.key()
    }

    fn library(
        &self,
        types: &Types<'_>,
        forward: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus, CompilationError> {
        let Some((outputs, crate_types)) = self.unit.unused_outputs() else {
            return self.rustc(types, self.arguments, None, forward);
        };
        let status = self.rustc(
            types,
            &unit::with_crate_types(self.arguments, crate_types),
            None,
            forward,
        )?;
        for output in outputs.iter().filter(|_| status.success()) {
            self.file("create", output, |output| std::fs::write(output, b""))?;
        }
        Ok(status)
    }

    pub(super) fn attempt(
        &self,
        types: &Types<'_>,
        arguments: &[String],
        linker: Option<&Utf8Path>,
    ) -> Result<Attempt, CompilationError> {
        let mut messages = Vec::new();
        let status = self.rustc(types, arguments, linker, &mut |line| {
            messages.push(line.to_owned())
        })?;
        Ok(Attempt { status, messages })
    }

    fn rustc(
        &self,
        types: &Types<'_>,
        arguments: &[String],
        linker: Option<&Utf8Path>,
        line: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus, CompilationError> {
        loop {
            let command = || {
                let mut command = (self.command)();
                command.stderr(Stdio::piped());
                if self.unit.purpose == Purpose::Program {
                    command.env("KT_MAIN", "1");
                }
                if let Some(directory) = linker {
                    command.env(linker::DIRECTORY, directory);
                }
                command
            };
            let arguments = types.arguments(arguments);
            let logged = logging::started(command().args(&arguments));
            let started = argfile::spawn(command, &arguments).map_err(CompilationError::Spawn)?;
            let status = watch(started, types, line).map_err(CompilationError::Spawn)?;
            if let Some(status) = status {
                logged.exited(status);
                return Ok(status);
            }
        }
    }

    /// The sources that rustc reports, hashed now, and whether rustc certainly read this content.
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
        let text = self.file("read", &path, |path| std::fs::read_to_string(path))?;
        let info = DepInfo::parse(&text, &self.invocation.directory);
        let (sources, certain) = hash_sources(info.files, before, started, None);
        Ok((sources, info.environment, certain))
    }

    pub(super) fn file<P: AsRef<Utf8Path> + ?Sized, T>(
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

/// Forwards rustc's messages and waits for its exit. `None` if rustc was stopped because the types
/// do not match their identity.
fn watch(
    Started { mut child, file }: Started,
    types: &Types<'_>,
    line: &mut dyn FnMut(&str),
) -> io::Result<Option<ExitStatus>> {
    // A run that is stopped prints nothing.
    let mut held = Vec::new();
    let mut is_checked = false;
    for bytes in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|stderr| BufReader::new(stderr).split(b'\n'))
    {
        let text = String::from_utf8_lossy(&bytes?).into_owned();
        held.push(text);
        if !is_checked && held.last().is_some_and(|text| is_about_dep_info(text)) {
            if !types.agrees() {
                process_tree::stop(&mut child)?;
                types.remove_incremental();
                return Ok(None);
            }
            is_checked = true;
        }
        if is_checked {
            held.drain(..).for_each(|text| line(&text));
        }
    }
    let status = child.wait()?;
    drop(file);
    if !is_checked && status.success() && !types.agrees() {
        types.remove_incremental();
        return Ok(None);
    }
    held.iter().for_each(|text| line(text));
    Ok(Some(status))
}

/// Whether rustc reports that its dep-info is written. No other output exists yet.
fn is_about_dep_info(line: &str) -> bool {
    line.starts_with('{')
        && line.contains("\"artifact\":")
        && line.contains("\"emit\":\"dep-info\"")
}

/// The sources of the previous compilation, hashed now.
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

/// Hashes `files` now. rustc, which ran since `started`, certainly read this content if each file
/// - has the same hash as in `before`, or
/// - last changed earlier (by ctime, which cannot be set back as mtime can), or
/// - is in `generated`, where only build scripts write, and cargo runs them before it compiles.
pub(super) fn hash_sources(
    files: Vec<Utf8PathBuf>,
    before: &[(Utf8PathBuf, Option<String>)],
    started: i128,
    generated: Option<&Utf8Path>,
) -> (Vec<(Utf8PathBuf, String)>, bool) {
    let paths: Vec<_> = files.iter().map(Utf8PathBuf::as_path).collect();
    let hashes = file::hash_all(&paths);
    let certain = paths.iter().zip(&hashes).all(|(path, hash)| {
        match before.iter().find(|(known, _)| known == path) {
            Some((_, known)) => hash.is_some() && known == hash,
            None => {
                let earlier = || file::changed_at(path).is_some_and(|changed| changed < started);
                let is_generated = generated.is_some_and(|generated| path.starts_with(generated));
                hash.is_some() && (is_generated || earlier())
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
