//! Whether an artifact is up to date with its sources, decided by content and never by mtimes.

use camino::{Utf8Path, Utf8PathBuf};

use super::debug_info::{self, DebugInfo, Debugged};
use super::file::{self, Stamp};
use super::record::{Record, UnitKey};
use super::{linker, wrapper};
use crate::context::{CargoContext, wrappers};

/// Why an artifact is out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stale {
    /// It has no record.
    Unrecorded(UnitKey),
    /// A source may have changed while rustc ran.
    Uncertain(Utf8PathBuf),
    /// The content of a source changed.
    Source(Utf8PathBuf),
    /// The file was removed or replaced.
    Artifact(Utf8PathBuf),
    /// A crate that it was compiled against was replaced.
    Extern(Utf8PathBuf),
    /// A variable that the code reads has another value.
    Variable(String),
    /// It must be compiled with another level of debug information.
    DebugInfo,
}

impl Stale {
    /// The path to name in a message.
    pub(super) fn path(&self) -> Utf8PathBuf {
        match self {
            Self::Unrecorded(key) => key.out_dir.join(&key.stem),
            Self::Uncertain(path)
            | Self::Source(path)
            | Self::Artifact(path)
            | Self::Extern(path) => path.clone(),
            Self::Variable(name) => name.into(),
            Self::DebugInfo => "debug information".into(),
        }
    }
}

impl std::fmt::Display for Stale {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unrecorded(key) => write!(formatter, "`{}` has no record", key.stem),
            Self::Uncertain(path) => {
                write!(formatter, "`{path}` may have changed while rustc ran")
            }
            Self::Source(path) => write!(formatter, "`{path}` has changed"),
            Self::Artifact(path) => {
                write!(
                    formatter,
                    "`{path}` was removed or replaced by another build"
                )
            }
            Self::Extern(path) => write!(formatter, "`{path}` was recompiled"),
            Self::Variable(name) => write!(formatter, "the variable `{name}` has changed"),
            Self::DebugInfo => formatter.write_str("the level of debug information has changed"),
        }
    }
}

/// The variables that kt itself sets for compilations. All others that begin with `KT_` are the
/// user's.
const OURS: &[&str] = &[
    "KT_BUILD",
    "KT_MAIN",
    linker::DIRECTORY,
    wrapper::DIRECTORY,
    wrappers::VARIABLES[0],
    wrappers::VARIABLES[1],
];

/// Checks many compilations at once. `None` means fresh.
pub(super) fn judge(
    units: &[(&UnitKey, Option<&Record>)],
    context: &CargoContext,
    warm: &Utf8Path,
) -> Vec<Option<Stale>> {
    let debugged = Debugged::of(warm);
    let mut paths: Vec<&Utf8Path> = units
        .iter()
        .filter_map(|(_, record)| *record)
        .flat_map(|record| &record.sources)
        .map(|(path, _)| path.as_path())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let now = file::hash_all(&paths);
    let now = |path: &Utf8Path| {
        paths
            .binary_search(&path)
            .ok()
            .and_then(|index| now[index].as_deref())
    };
    units
        .iter()
        .map(|(key, record)| judge_one(key, *record, (context, &debugged), &now))
        .collect()
}

fn judge_one<'a>(
    key: &UnitKey,
    record: Option<&Record>,
    (context, debugged): (&CargoContext, &Debugged),
    now: &dyn Fn(&Utf8Path) -> Option<&'a str>,
) -> Option<Stale> {
    let Some(record) = record else {
        return Some(Stale::Unrecorded(key.clone()));
    };
    if let Some((path, _)) = record
        .sources
        .iter()
        .find(|(path, hash)| now(path) != Some(hash))
    {
        return Some(Stale::Source(path.clone()));
    }
    if !record.certain {
        return Some(Stale::Uncertain(
            record
                .sources
                .first()
                .map(|(path, _)| path.clone())
                .unwrap_or_default(),
        ));
    }
    let another = |(path, stamp): &&(Utf8PathBuf, Stamp)| Stamp::of(path).as_ref() != Some(stamp);
    if let Some((path, _)) = record.artifacts.iter().find(another) {
        return Some(Stale::Artifact(path.clone()));
    }
    let another = |(path, stamp): &&(Utf8PathBuf, Option<Stamp>)| {
        stamp.is_none() || Stamp::of(path) != *stamp
    };
    if let Some((path, _)) = record.externs.iter().find(another) {
        return Some(Stale::Extern(path.clone()));
    }
    let invocation = record.invocation.as_ref()?;
    let known = record.debug_info;
    // Crates that run during the build have no type identity and no debugger.
    let wanted = DebugInfo::wanted(
        context.variable(debug_info::VARIABLE),
        debugged.has(&record.package.name),
        known.breakpoints,
    );
    if record.types.is_some() && known != wanted {
        return Some(Stale::DebugInfo);
    }
    // cargo would set the same variables again: the files, options and variables that decide them
    // are inputs of the build.
    let is_ours = |name: &str| {
        OURS.contains(&name) || invocation.environment.iter().any(|(set, _)| set == name)
    };
    let changed = record
        .environment
        .iter()
        .find(|(name, value)| !is_ours(name) && context.variable(name) != value.as_deref());
    changed.map(|(name, _)| Stale::Variable(name.clone()))
}
