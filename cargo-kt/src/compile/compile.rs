//! One compilation, run and recorded: the same code under cargo (the wrapper) and without it (replay).

use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::depinfo::DepInfo;
use super::file::{self, Stamp};
use super::linker;
use super::record::{Mode, Origin, Record, UnitKey};
use super::records::Records;
use super::types::Types;
use super::unit::{self, Purpose, Unit};
use crate::artifacts::{Invocation, LinkLine};

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
    /// Waits until the rlibs of all dependencies are there, which only linking needs; false if they never will be.
    pub(super) before_linking: &'a dyn Fn() -> bool,
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
    #[error("a dependency could not be compiled")]
    Upstream,
}

/// What a compilation made, besides its artifacts.
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

/// One run of rustc whose messages have not been shown yet.
pub(super) struct Attempt {
    pub(super) status: ExitStatus,
    pub(super) messages: Vec<String>,
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
        let types = Types::begin(self.records, self.unit, self.invocation, previous.as_ref());
        let started = self.file("making a file", self.records.directory(), file::clock)?;
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
                what: "remembering the types",
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
            aborts_on_panic: self.unit.aborts_on_panic,
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
        self.file("writing the record", self.records.directory(), |_| {
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
            self.file("creation", output, |output| std::fs::write(output, b""))?;
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
            let mut command = (self.command)();
            command
                .args(types.arguments(arguments))
                .stderr(Stdio::piped());
            if self.unit.purpose == Purpose::Program {
                command.env("KT_MAIN", "1");
            }
            if let Some(directory) = linker {
                command.env(linker::DIRECTORY, directory);
            }
            let child = command.spawn().map_err(CompilationError::Spawn)?;
            let status = watch(child, types, line).map_err(CompilationError::Spawn)?;
            if let Some(status) = status {
                return Ok(status);
            }
        }
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

/// Hands on what rustc says, and waits for its end; `None` if it was stopped because the types are not what their identity
/// says.
fn watch(
    mut child: Child,
    types: &Types<'_>,
    line: &mut dyn FnMut(&str),
) -> io::Result<Option<ExitStatus>> {
    // Of a run that is stopped nothing is shown.
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
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            is_checked = true;
        }
        if is_checked {
            held.drain(..).for_each(|text| line(&text));
        }
    }
    let status = child.wait()?;
    if !is_checked && status.success() && !types.agrees() {
        return Ok(None);
    }
    held.iter().for_each(|text| line(text));
    Ok(Some(status))
}

/// rustc has written which files it has read; nothing else is made yet.
fn is_about_dep_info(line: &str) -> bool {
    line.starts_with('{')
        && line.contains("\"artifact\":")
        && line.contains("\"emit\":\"dep-info\"")
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
/// and the others were last changed earlier (ctime, which cannot be set back as mtime can), or lie in `generated`: there cargo has
/// a build script write before it compiles, and nobody else writes.
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
