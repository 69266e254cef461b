//! What is known of each compilation: how it was called, what it read, what it left. One file each, written by the wrapper
//! (or, for packages outside the workspace, by us after cargo).

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::file::{self, Stamp};
use super::unit::Purpose;
use super::{Invocation, LinkLine};

/// Increase when [`Record`] changes its meaning: older files are then as good as absent.
const FORMAT: u32 = 1;

/// How a bin or example was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// As an rlib: it has items of kt.
    Library,
    /// As an executable whose link line was kept.
    Executable,
}

/// One compilation that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    /// Absent for packages outside the workspace.
    pub(super) invocation: Option<Invocation>,
    /// For bins and examples.
    pub(super) mode: Option<Mode>,
    pub(super) link_line: Option<LinkLine>,
    /// False when a source may have changed while rustc ran: the artifact then counts as stale for ever.
    pub(super) certain: bool,
    /// `-C panic=abort` is in force.
    pub(super) aborts_on_panic: bool,
    /// The files that rustc read and the blake3 of each, as it was then.
    pub(super) sources: Vec<(Utf8PathBuf, String)>,
    /// Variables that the code asked for with `env!`.
    pub(super) environment: Vec<(String, Option<String>)>,
    pub(super) artifacts: Vec<(Utf8PathBuf, Stamp)>,
    /// What rustc read of other crates; a file without a stamp was not there, which never counts as fresh.
    pub(super) externs: Vec<(Utf8PathBuf, Option<Stamp>)>,
}

impl Record {
    /// A record with nothing in it yet.
    pub(super) fn empty() -> Self {
        Self {
            format: FORMAT,
            invocation: None,
            mode: None,
            link_line: None,
            certain: false,
            aborts_on_panic: false,
            sources: Vec::new(),
            environment: Vec::new(),
            artifacts: Vec::new(),
            externs: Vec::new(),
        }
    }

    /// blake3 over the paths and contents of all sources.
    pub(super) fn sources_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, hash) in &self.sources {
            hasher
                .update(path.as_str().as_bytes())
                .update(b"\0")
                .update(hash.as_bytes())
                .update(b"\n");
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The name of a compilation: its output directory and the stem of its outputs.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub(super) struct UnitKey {
    pub(super) out_dir: Utf8PathBuf,
    pub(super) stem: String,
}

impl UnitKey {
    /// From an artifact's path, such as `…/deps/libapp-0123456789abcdef.rlib`.
    pub(super) fn of_artifact(path: &Utf8Path) -> Option<Self> {
        let stem = match path.extension() {
            Some("rlib" | "rmeta" | "so") => path.file_stem()?.strip_prefix("lib")?,
            _ => path.file_name()?,
        };
        Some(Self {
            out_dir: path.parent()?.to_owned(),
            stem: stem.to_owned(),
        })
    }

    /// rustc's dep-info.
    pub(super) fn dep_info(&self) -> Utf8PathBuf {
        self.out_dir.join(format!("{}.d", self.stem))
    }
}

/// The directory that holds all records of one target directory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: Utf8PathBuf,
}

impl Records {
    /// Below the warm directory.
    pub(super) fn below(warm: &Utf8Path) -> Self {
        Self {
            directory: warm.join("records"),
        }
    }

    /// The directory itself, as handed to the wrapper.
    pub(super) fn at(directory: Utf8PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Where the two symbolic links to this executable are. The wrapper's path is hashed into every crate's metadata,
    /// so it must never change.
    pub(super) fn links(&self) -> Utf8PathBuf {
        self.directory.with_file_name("bin")
    }

    /// The record of a compilation, if there is one and it can be read.
    pub(super) fn read(&self, key: &UnitKey) -> Option<Record> {
        let record: Record = serde_json::from_slice(&std::fs::read(self.path(key)).ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    /// The compilations of bins and examples of this crate name, with outputs below `directory`.
    pub(super) fn programs(&self, crate_name: &str, directory: &Utf8Path) -> Vec<UnitKey> {
        let entries = self.directory.read_dir_utf8().into_iter().flatten();
        let is_near = |name: &str| name.starts_with(crate_name) && name.ends_with(".json");
        entries
            .flatten()
            .filter(|entry| is_near(entry.file_name()))
            .filter_map(|entry| {
                let bytes = std::fs::read(entry.path()).ok()?;
                let record: Record = serde_json::from_slice(&bytes).ok()?;
                record.invocation?.unit()
            })
            .filter(|unit| unit.purpose == Purpose::Program && unit.crate_name == crate_name)
            .filter(|unit| unit.out_dir.starts_with(directory))
            .map(|unit| unit.key())
            .collect()
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn write(&self, key: &UnitKey, record: &Record) -> io::Result<()> {
        file::write_atomically(&self.path(key), &serde_json::to_vec(record)?)
    }

    /// Where a program's kept objects and link line lie.
    pub(super) fn link_directory(&self, key: &UnitKey) -> Utf8PathBuf {
        self.directory.join(format!("{}.link", Self::name(key)))
    }

    fn path(&self, key: &UnitKey) -> Utf8PathBuf {
        self.directory.join(format!("{}.json", Self::name(key)))
    }

    /// Crates that are also a cdylib have the same stem in every profile: the directory tells them apart.
    fn name(key: &UnitKey) -> String {
        let directory = file::hash_bytes(key.out_dir.as_str().as_bytes());
        format!("{}-{}", key.stem, &directory[..8])
    }
}
