//! Which variables cargo sets for rustc: found by comparing, so that no value of the user's environment is ever written down.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;

use camino::Utf8Path;

use super::file;

/// Beside the records.
const FILE: &str = "environment.json";

/// Variables of one build that mean nothing later: the jobserver's file descriptors are gone.
const OF_ONE_BUILD: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// Names of the variables that cargo was started with, and the blake3 of each value.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Of the environment that cargo is about to get.
    pub(super) fn of<'a>(
        environment: impl IntoIterator<Item = (&'a OsString, &'a OsString)>,
    ) -> Self {
        let hashed = environment.into_iter().map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                file::hash_bytes(value.as_encoded_bytes()),
            )
        });
        Self(hashed.collect())
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn write(&self, records: &Utf8Path) -> io::Result<()> {
        file::write_atomically(&records.join(FILE), &serde_json::to_vec(self)?)
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn read(records: &Utf8Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(records.join(FILE))?)?)
    }

    /// What of this process's environment was set or changed since the snapshot.
    pub(super) fn changes(&self) -> Vec<(String, String)> {
        let ignored: BTreeSet<_> = OF_ONE_BUILD.iter().copied().collect();
        let changed = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let same = self
                .0
                .get(&name)
                .is_some_and(|known| *known == file::hash_bytes(value.as_encoded_bytes()));
            (!same && !ignored.contains(&*name)).then_some(())?;
            Some((name, value.into_string().ok()?))
        });
        changed.collect()
    }
}
