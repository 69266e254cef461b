//! The directories under `<target dir>/kt/warm/`, and atomic writes to them.

use std::{
    fs, io,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, de::DeserializeOwned};

use super::LinkError;

/// The directory for everything that is linked for a workspace.
#[derive(Debug, Clone)]
pub(super) struct KtDir(Utf8PathBuf);

impl KtDir {
    pub fn new(root: &Utf8Path) -> Self {
        Self(root.to_owned())
    }

    /// One directory per layer 0, named by its hash, with the base, libstd and the launcher.
    pub fn bases(&self) -> Utf8PathBuf {
        self.0.join("bases")
    }

    /// Shared objects of standard libraries, for toolchains without one.
    pub fn std(&self) -> Utf8PathBuf {
        self.0.join("std")
    }

    /// Layers that were added to a base.
    pub fn layers(&self) -> Utf8PathBuf {
        self.0.join("layers")
    }

    /// Crate objects, each with its record and the rlib it was linked from.
    pub fn objects(&self) -> Utf8PathBuf {
        self.0.join("objects")
    }

    /// Unstripped copies of crate objects.
    pub fn debug_objects(&self) -> Utf8PathBuf {
        self.0.join("debug-objects")
    }

    /// Repaired copies of rlibs.
    pub fn archives(&self) -> Utf8PathBuf {
        self.0.join("archives")
    }

    /// The symbols that archives and libraries define and need.
    pub fn symbols(&self) -> Utf8PathBuf {
        self.0.join("symbols")
    }

    /// The statics that constructors of crates reach.
    pub fn registrations(&self) -> Utf8PathBuf {
        self.0.join("registrations")
    }

    /// Drivers without kt items.
    pub fn programs(&self) -> Utf8PathBuf {
        self.0.join("programs")
    }

    /// Cached results of `link`, by its input.
    pub fn results(&self) -> Utf8PathBuf {
        self.0.join("links")
    }

    /// Removes unfinished files of interrupted runs, in this directory and two levels below.
    pub fn remove_unfinished(&self) {
        remove_unfinished(&self.0, 2);
    }

    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.0.join(name)
    }
}

/// The age after which an unfinished file is abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

fn remove_unfinished(folder: &Utf8Path, depth: u32) {
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(data) = entry.metadata() else { continue };
        let is_old = || {
            let age = data.modified().ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age > ABANDONED_AFTER)
        };
        // The names that `tempfile` and `temporary` use.
        if (name.starts_with(".tmp") || name.ends_with(".tmp")) && is_old() {
            let _ = match data.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
        } else if data.is_dir() && depth > 0 {
            remove_unfinished(path, depth - 1);
        }
    }
}

/// A path in the directory of `path` that no other process or thread uses.
pub(super) fn temporary(path: &Utf8Path) -> Utf8PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    Utf8PathBuf::from(format!("{path}.{}-{unique}.tmp", std::process::id()))
}

/// Creates the parent directory of `path`.
pub(super) fn create_parent(path: &Utf8Path) -> Result<(), LinkError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(LinkError::io("create the directory", folder))
}

/// Writes a file atomically.
pub(super) fn write(path: &Utf8Path, content: &[u8]) -> Result<(), LinkError> {
    create_parent(path)?;
    let temporary = temporary(path);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // A full disk leaves a partial file.
        let _ = fs::remove_file(&temporary);
        LinkError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        }
    })
}

pub(super) fn write_json(path: &Utf8Path, value: &impl Serialize) -> Result<(), LinkError> {
    let json = serde_json::to_vec(value).map_err(io::Error::from);
    write(path, &json.map_err(LinkError::io("write", path))?)
}

/// Reads a cached value; `None` if the file does not exist or is from another version of kt.
pub(super) fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, LinkError> {
    fs::read(path).map_err(LinkError::io("read", path))
}

/// Makes `to` a hard link of `from`, or a copy on another file system.
pub(super) fn hard_link(from: &Utf8Path, to: &Utf8Path) -> Result<(), LinkError> {
    create_parent(to)?;
    let temporary = temporary(to);
    fs::hard_link(from, &temporary)
        .or_else(|_| fs::copy(from, &temporary).map(drop))
        .and_then(|()| fs::rename(&temporary, to))
        .map_err(LinkError::io("create the hard link", to))?;
    // Renaming one hard link of a file over another does nothing and leaves both (rename(2)).
    let _ = fs::remove_file(&temporary);
    Ok(())
}

/// Groups the entries of `folder` with `select`, and calls `remove` for all but the `keep` newest
/// of each group.
pub(super) fn prune<K: Eq + std::hash::Hash>(
    folder: &Utf8Path,
    keep: usize,
    select: impl Fn(&str) -> Option<K>,
    remove: impl Fn(&Utf8Path),
) {
    let Ok(entries) = folder.read_dir_utf8() else {
        return;
    };
    let mut groups = std::collections::HashMap::<K, Vec<(SystemTime, Utf8PathBuf)>>::new();
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|m| m.modified());
        if let (Some(group), Ok(modified)) = (select(entry.file_name()), modified) {
            groups
                .entry(group)
                .or_default()
                .push((modified, entry.into_path()));
        }
    }
    for mut group in groups.into_values() {
        group.sort_by(|a, b| b.cmp(a));
        group.iter().skip(keep).for_each(|(_, path)| remove(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_files_are_removed_and_files_being_written_stay() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let old = SystemTime::now() - 2 * ABANDONED_AFTER;
        let create = |name: &str, modified| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(&path).unwrap();
            file.set_modified(modified).unwrap();
            path
        };
        let left = [
            create("layout/types/.tmpAbc123", old),
            create("objects/libapp.so.12-0.tmp", old),
            create(".tmpXyz", old),
        ];
        let kept = [
            create("layout/types/.tmpNow", SystemTime::now()),
            create("layout/types/0123.json", old),
        ];
        KtDir::new(root).remove_unfinished();
        assert!(left.iter().all(|path| !path.exists()));
        assert!(kept.iter().all(|path| path.exists()));
    }
}
