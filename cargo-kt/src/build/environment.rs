//! Finds the variables that cargo sets for rustc by comparing environments, so that no value of the
//! user's environment is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;

use camino::Utf8Path;

use super::file;

/// The file beside the records.
const FILE: &str = "environment.json";

/// Variables of cargo's jobserver. Its file descriptors are only valid during that build.
const JOBSERVER: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// Names of the variables that cargo was started with, and the blake3 of each value.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// The snapshot of the environment that cargo is started with.
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
    /// If the file system fails.
    pub(super) fn write(&self, records: &Utf8Path) -> io::Result<()> {
        file::write_atomically(&records.join(FILE), &serde_json::to_vec(self)?)
    }

    /// # Errors
    /// If the file system fails.
    pub(super) fn read(records: &Utf8Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(records.join(FILE))?)?)
    }

    /// The variables of this process that were set or changed since the snapshot.
    pub(super) fn changes(&self) -> Vec<(String, String)> {
        let ignored: BTreeSet<_> = JOBSERVER.iter().copied().collect();
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
