//! The folders under `<target dir>/kt/warm/`, and how files get there whole.

use std::{
    fs, io,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, de::DeserializeOwned};

use super::LinkError;

/// The folder that holds everything linked for a workspace.
#[derive(Debug, Clone)]
pub(super) struct Warm(Utf8PathBuf);

impl Warm {
    pub fn new(root: &Utf8Path) -> Self {
        Self(root.to_owned())
    }

    /// One folder per layer 0, named by its hash: the base, libstd and the launcher side by side.
    pub fn bases(&self) -> Utf8PathBuf {
        self.0.join("bases")
    }

    /// Layers that were added to a base.
    pub fn layers(&self) -> Utf8PathBuf {
        self.0.join("layers")
    }

    /// Crate objects, each with its record and the rlib it was linked from.
    pub fn objects(&self) -> Utf8PathBuf {
        self.0.join("objects")
    }

    /// Unstripped twins of crate objects.
    pub fn twins(&self) -> Utf8PathBuf {
        self.0.join("twins")
    }

    /// Repaired copies of rlibs.
    pub fn archives(&self) -> Utf8PathBuf {
        self.0.join("archives")
    }

    /// What archives and libraries define and need.
    pub fn symbols(&self) -> Utf8PathBuf {
        self.0.join("symbols")
    }

    /// What the constructors of crates reach.
    pub fn registrations(&self) -> Utf8PathBuf {
        self.0.join("registrations")
    }

    /// Drivers without items of kt.
    pub fn programs(&self) -> Utf8PathBuf {
        self.0.join("programs")
    }

    /// What `link` answered, by its input.
    pub fn answers(&self) -> Utf8PathBuf {
        self.0.join("links")
    }

    /// Removes what interrupted runs left half written, here and two levels below.
    pub fn remove_unfinished(&self) {
        remove_unfinished(&self.0, 2);
    }

    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.0.join(name)
    }
}

/// How long a file may be written to: a run that is so old has ended.
const UNFINISHED: Duration = Duration::from_secs(3600);

fn remove_unfinished(folder: &Utf8Path, depth: u32) {
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(data) = entry.metadata() else { continue };
        let is_old = || {
            let age = data.modified().ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age > UNFINISHED)
        };
        // As `tempfile` names them, and as `temporary` does.
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

/// A name in the folder of `path` that no other process or thread uses.
pub(super) fn temporary(path: &Utf8Path) -> Utf8PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    Utf8PathBuf::from(format!("{path}.{}-{unique}.tmp", std::process::id()))
}

/// Creates the folder that `path` lies in.
pub(super) fn make_room(path: &Utf8Path) -> Result<(), LinkError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(LinkError::io("create the folder", folder))
}

/// Writes a file that others see whole or not at all.
pub(super) fn write(path: &Utf8Path, content: &[u8]) -> Result<(), LinkError> {
    make_room(path)?;
    let temporary = temporary(path);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // A full disk leaves half a file; it is of no use to anybody.
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

/// A cached value; what cannot be read (absent, from another version of kt) is as good as absent.
pub(super) fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, LinkError> {
    fs::read(path).map_err(LinkError::io("read", path))
}

/// Makes `to` the same file as `from`, or a copy of it on another file system.
pub(super) fn hard_link(from: &Utf8Path, to: &Utf8Path) -> Result<(), LinkError> {
    make_room(to)?;
    let temporary = temporary(to);
    fs::hard_link(from, &temporary)
        .or_else(|_| fs::copy(from, &temporary).map(drop))
        .and_then(|()| fs::rename(&temporary, to))
        .map_err(LinkError::io("hard-link", to))?;
    // Renaming one hard link of a file over another does nothing and leaves both (rename(2)).
    let _ = fs::remove_file(&temporary);
    Ok(())
}

/// Removes all but the `keep` youngest entries of `folder` among those that `select` puts into a group; `remove` gets the rest.
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
    fn what_an_interrupted_run_left_goes_and_what_is_being_written_stays() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let old = SystemTime::now() - 2 * UNFINISHED;
        let make = |name: &str, modified| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(&path).unwrap();
            file.set_modified(modified).unwrap();
            path
        };
        let left = [
            make("layout/types/.tmpAbc123", old),
            make("objects/libapp.so.12-0.tmp", old),
            make(".tmpXyz", old),
        ];
        let kept = [
            make("layout/types/.tmpNow", SystemTime::now()),
            make("layout/types/0123.json", old),
        ];
        Warm::new(root).remove_unfinished();
        assert!(left.iter().all(|path| !path.exists()));
        assert!(kept.iter().all(|path| path.exists()));
    }
}
