//! The record of a compilation: its invocation, its inputs and its outputs. The wrapper writes one
//! file for each. For packages outside the workspace `cargo kt` writes it after cargo exits.
//!
//! Two checkouts of one workspace may share a target directory, in which cargo gives the
//! compilations of both the same names. So each workspace has its own directory of records.

use camino::{Utf8Path, Utf8PathBuf};

use super::debug_info::DebugInfo;
use super::file::Stamp;
use crate::artifacts::{Invocation, LinkLine};
use crate::plan::Package;

/// Increase it when [`Record`] changes its meaning. Older files are then ignored.
pub(super) const FORMAT: u32 = 6;

/// How a bin or example was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// As an rlib: it has items of kt.
    Library,
    /// As an executable whose link line is stored.
    Executable,
}

/// A compilation that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    pub(super) key: UnitKey,
    pub(super) package: Origin,
    /// The working directory of rustc, to which paths in its dep-info are relative.
    pub(super) directory: Utf8PathBuf,
    /// Absent for packages outside the workspace.
    pub(super) invocation: Option<Invocation>,
    /// For bins and examples.
    pub(super) mode: Option<Mode>,
    pub(super) link_line: Option<LinkLine>,
    /// False if a source may have changed while rustc ran. The artifact then is always stale.
    pub(super) certain: bool,
    /// The files that rustc read, and the blake3 of each at that time.
    pub(super) sources: Vec<(Utf8PathBuf, String)>,
    /// Variables that the code read with `env!`.
    pub(super) environment: Vec<(String, Option<String>)>,
    pub(super) artifacts: Vec<(Utf8PathBuf, Stamp)>,
    /// The files of other crates that rustc read. One without a stamp did not exist and is never
    /// fresh.
    pub(super) externs: Vec<(Utf8PathBuf, Option<Stamp>)>,
    /// The identity of its types. Absent for packages outside the workspace and for crates that run
    /// during the build.
    pub(super) types: Option<String>,
    pub(super) debug_info: DebugInfo,
}

/// The package that an artifact belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct Origin {
    pub(super) name: String,
    /// The directory of its manifest.
    pub(super) directory: Utf8PathBuf,
}

impl Origin {
    pub(super) fn of(package: &Package) -> Self {
        Self {
            name: package.name.clone(),
            directory: package.directory().to_owned(),
        }
    }
}

impl Record {
    /// A record without content.
    pub(super) fn empty(key: UnitKey, package: Origin, directory: &Utf8Path) -> Self {
        Self {
            format: FORMAT,
            key,
            package,
            directory: directory.to_owned(),
            invocation: None,
            mode: None,
            link_line: None,
            certain: false,
            sources: Vec::new(),
            environment: Vec::new(),
            artifacts: Vec::new(),
            externs: Vec::new(),
            types: None,
            debug_info: DebugInfo::default(),
        }
    }

    /// Whether an artifact that it describes still exists.
    pub(super) fn is_of_use(&self) -> bool {
        self.artifacts.is_empty() || self.artifacts.iter().any(|(path, _)| path.exists())
    }

    /// A digest of the rustc invocation, without the sources. Other options, another configuration
    /// or another environment change it.
    pub(super) fn manner(&self) -> String {
        /// Flags that only affect messages and differ between terminals.
        const DISPLAY: &[&str] = &["--error-format", "--json", "--diagnostic-width", "--color"];
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(text.as_bytes()).update(b"\0");
        };
        match &self.invocation {
            Some(invocation) => {
                let is_display = |argument: &str| {
                    let flag = argument.split_once('=').map_or(argument, |(flag, _)| flag);
                    DISPLAY.contains(&flag)
                };
                invocation
                    .arguments
                    .iter()
                    .filter(|argument| !is_display(argument))
                    .for_each(|argument| add(argument));
                for (name, value) in &invocation.environment {
                    // It counts how deep rustup's proxies call each other.
                    if name != "RUST_RECURSION_COUNT" {
                        add(name);
                        add(value);
                    }
                }
            }
            // For packages outside the workspace only the dep-info is known.
            None => {
                for (name, value) in &self.environment {
                    add(name);
                    add(value.as_deref().unwrap_or("\u{1}"));
                }
            }
        }
        hasher.finalize().to_hex().to_string()
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

/// The key of a compilation: its output directory and the stem of its outputs.
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
