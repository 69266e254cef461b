//! Finds the variables that cargo sets for rustc by comparing environments, so that no value of the
//! user's environment is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Command;

use camino::Utf8Path;

use super::file;
use crate::linux;

/// The file beside the records.
const FILE: &str = "environment.json";

/// Variables of cargo's jobserver. Its file descriptors are only valid during that build.
const JOBSERVER: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// Removes the caller's jobserver from a command of rustc if rustc could not connect to it, as cargo
/// does. make passes one to every command, and its file descriptors only to those that begin with
/// `+` or name `$(MAKE)`.
pub(super) fn remove_closed_jobserver(command: &mut Command) {
    let is_closed = |value: &OsStr| {
        let value = value.to_string_lossy();
        jobserver(&value).is_some_and(|jobserver| !is_open(jobserver))
    };
    let set = command.get_envs();
    let is_jobserver = |name: &OsStr| JOBSERVER.iter().any(|known| *known == name);
    let closed: Vec<_> = set
        .filter(|(name, value)| is_jobserver(name) && value.is_some_and(is_closed))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in closed {
        command.env_remove(name);
    }
}

/// `fifo:PATH`, or two file descriptors with a comma in between.
fn jobserver(flags: &str) -> Option<&str> {
    let options = ["--jobserver-auth=", "--jobserver-fds="];
    let mut values = flags
        .split_whitespace()
        .filter_map(|flag| options.iter().find_map(|option| flag.strip_prefix(option)));
    values.next_back()
}

fn is_open(jobserver: &str) -> bool {
    match jobserver.strip_prefix("fifo:") {
        Some(path) => Utf8Path::new(path).exists(),
        None => jobserver
            .split(',')
            .all(|descriptor| descriptor.parse().is_ok_and(linux::is_inherited)),
    }
}

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

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_jobserver_is_kept_if_its_file_descriptors_are_inherited() {
        // Rust opens files with O_CLOEXEC. The standard streams are inherited.
        let file = std::fs::File::open("/dev/null").unwrap();
        let kept = |flags: &str| {
            let mut command = Command::new("rustc");
            command.env("MAKEFLAGS", flags);
            remove_closed_jobserver(&mut command);
            command.get_envs().any(|(_, value)| value.is_some())
        };
        assert!(kept(" -j2 --jobserver-auth=3,4 --jobserver-auth=0,1"));
        assert!(kept("rR"));
        assert!(!kept(&format!("-j --jobserver-fds=0,{}", file.as_raw_fd())));
        assert!(!kept("-j --jobserver-auth=-2,-2"));
        assert!(!kept("--jobserver-auth=fifo:/nonexistent"));
    }
}
