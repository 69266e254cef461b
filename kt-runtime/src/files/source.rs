//! The files, folders and symlinks to send, one after another.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::system;
use crate::wire::files::{Entry, Identity, Kind, Plan, Problem, Time, Why};

/// A file, folder or symlink to copy.
#[derive(Debug, Clone)]
pub struct Source {
    /// As named, or the target of that symlink.
    path: PathBuf,
    /// Its name at the target.
    pub(super) name: OsString,
}

impl Source {
    /// `follow`: follows a symlink.
    pub fn find(path: &Path, follow: bool) -> Result<Self, Problem> {
        let name = path.file_name().unwrap_or(OsStr::new(".")).to_owned();
        let found = match follow {
            true => fs::canonicalize(path),
            // The system follows a symlink with a trailing `/`.
            false => fs::symlink_metadata(path).map(|_| path.to_owned()),
        };
        match found {
            Ok(path) => Ok(Self { path, name }),
            Err(error) => Err(unreadable(path, &error)),
        }
    }
}

/// The problem of an inaccessible source.
fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let why = match error.kind() {
        io::ErrorKind::NotFound => Why::Missing,
        _ => system("read its metadata", error),
    };
    Problem {
        path: path.as_os_str().to_owned(),
        why,
    }
}

/// Adds up the sizes. Unreadable entries are reported when they are sent.
pub fn plan(sources: &[Source]) -> Plan {
    let mut plan = Plan {
        names: sources.iter().map(|source| source.name.clone()).collect(),
        folder: sources
            .first()
            .is_some_and(|it| it.path.is_dir() && !it.path.is_symlink()),
        ..Plan::default()
    };
    for (_, entry) in Walk::new(sources.to_vec()).flatten() {
        plan.entries += 1;
        if let Kind::File { size, allocated } = entry.kind {
            plan.bytes += size;
            plan.allocated += allocated.min(size);
        }
    }
    plan
}

/// All entries in order, each with its local path.
#[derive(Debug)]
pub struct Walk {
    /// Remaining entries, the next one last: local paths, and paths at the target.
    left: Vec<(PathBuf, OsString)>,
    /// A folder that must not be entered.
    target: Option<Identity>,
}

impl Walk {
    pub fn new(sources: Vec<Source>) -> Self {
        let sources = sources.into_iter().rev();
        Self {
            left: sources.map(|it| (it.path, it.name)).collect(),
            target: None,
        }
    }

    /// Like [`new`](Self::new), but does not enter the target. `boot` identifies the local kernel.
    pub fn outside(sources: Vec<Source>, target: Identity, boot: &str) -> Self {
        let same = !boot.is_empty() && target.boot == boot;
        Self {
            target: same.then_some(target),
            ..Self::new(sources)
        }
    }

    fn look(&mut self, path: &Path, name: OsString) -> Result<Entry, Problem> {
        let problem = |why| Problem {
            path: path.as_os_str().to_owned(),
            why,
        };
        let data = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
        let kind = data.file_type();
        let kind = if kind.is_file() {
            Kind::File {
                size: data.len(),
                allocated: data.blocks().saturating_mul(512),
            }
        } else if kind.is_dir() {
            let own = |it: &Identity| (it.device, it.inode) == (data.dev(), data.ino());
            if self.target.as_ref().is_some_and(own) {
                return Err(problem(Why::IntoItself));
            }
            let inner = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let inner = inner.map_err(|error| problem(system("list it", &error)))?;
            let mut names: Vec<_> = inner.iter().map(fs::DirEntry::file_name).collect();
            names.sort_unstable_by(|one, other| other.cmp(one));
            for inner in names {
                let mut remote = name.clone();
                remote.push("/");
                remote.push(&inner);
                self.left.push((path.join(&inner), remote));
            }
            Kind::Folder
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|error| problem(system("read it", &error)))?;
            Kind::Link {
                target: target.into_os_string(),
            }
        } else {
            let kind = match () {
                () if kind.is_fifo() => "FIFO",
                () if kind.is_socket() => "socket",
                () => "device",
            };
            return Err(problem(Why::Special(kind.to_owned())));
        };
        Ok(Entry {
            path: name,
            kind,
            mode: data.mode() & 0o777,
            modified: Time {
                seconds: data.mtime(),
                nanoseconds: data.mtime_nsec().try_into().unwrap_or(0),
            },
        })
    }
}

impl Iterator for Walk {
    type Item = Result<(PathBuf, Entry), Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let (path, name) = self.left.pop()?;
        Some(self.look(&path, name).map(|entry| (path, entry)))
    }
}
