//! Content hashes of files, cached so that an unchanged file is not read again.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    LinkError,
    archive::{self, ArchiveFacts},
    warm,
};

/// How many files that this run did not request stay in the cache (for other programs of the
/// workspace).
const MAX_OTHER_FILES: usize = 4096;

/// Identifies the version of a file. rustc and linkers create a new file and rename it, so a
/// changed file has another inode even if the clock is too coarse. The change time is not used, as
/// a hard link changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    seconds: i64,
    nanoseconds: i64,
    inode: u64,
}

impl Stamp {
    pub fn of(path: &Utf8Path) -> Result<Self, LinkError> {
        let meta = fs::metadata(path).map_err(LinkError::io("read the metadata of", path))?;
        Ok(Self {
            size: meta.size(),
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
            inode: meta.ino(),
        })
    }
}

/// The facts of files at their last read, cached in one small file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Hashes {
    files: BTreeMap<Utf8PathBuf, (Stamp, ArchiveFacts)>,
    #[serde(skip)]
    requested: BTreeMap<Utf8PathBuf, (Stamp, ArchiveFacts)>,
    #[serde(skip)]
    changed: bool,
}

impl Hashes {
    pub fn load(path: &Utf8Path) -> Self {
        warm::read_json(path).unwrap_or_default()
    }

    pub fn save(mut self, path: &Utf8Path) -> Result<(), LinkError> {
        if !self.changed {
            return Ok(());
        }
        if self.files.len() > MAX_OTHER_FILES {
            self.files.clear();
        }
        self.files.append(&mut self.requested);
        warm::write_json(path, &self)
    }

    /// The facts of rlibs, in the order of `paths`. Changed ones are read by one thread per
    /// processor.
    pub fn archives(&mut self, paths: &[&Utf8Path]) -> Result<Vec<ArchiveFacts>, LinkError> {
        self.facts(paths, |path, data| {
            archive::facts(data).map_err(LinkError::object(path))
        })
    }

    /// blake3 in hex over whole files, for files that are not archives of the program.
    pub fn files(&mut self, paths: &[&Utf8Path]) -> Result<Vec<String>, LinkError> {
        let whole = |_: &Utf8Path, data: &[u8]| {
            Ok(ArchiveFacts {
                content: blake3::hash(data).to_hex().to_string(),
                ..ArchiveFacts::default()
            })
        };
        Ok(self
            .facts(paths, whole)?
            .into_iter()
            .map(|facts| facts.content)
            .collect())
    }

    fn facts(
        &mut self,
        paths: &[&Utf8Path],
        read: impl Fn(&Utf8Path, &[u8]) -> Result<ArchiveFacts, LinkError> + Sync,
    ) -> Result<Vec<ArchiveFacts>, LinkError> {
        let mut unknown = Vec::new();
        for path in paths {
            let stamp = Stamp::of(path)?;
            match self.files.get(*path) {
                Some(entry) if entry.0 == stamp => {
                    drop(self.requested.insert((*path).to_owned(), entry.clone()))
                }
                _ => unknown.push((*path, stamp)),
            }
        }
        let found = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), LinkError> {
            while let Some((path, stamp)) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                let facts = read(path, &warm::read(path)?)?;
                found
                    .lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .push(((*path).to_owned(), (*stamp, facts)));
            }
            Ok(())
        };
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(unknown.len());
        thread::scope(|scope| {
            let threads: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            threads.into_iter().fold(own, |result, thread| {
                result.and(
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                )
            })
        })?;
        self.changed |= !unknown.is_empty();
        self.requested
            .extend(found.into_inner().unwrap_or_else(|e| e.into_inner()));
        // Every path was inserted above: from the cache, or after it was read.
        Ok(paths
            .iter()
            .filter_map(|path| self.requested.get(*path))
            .map(|entry| entry.1.clone())
            .collect())
    }
}

/// A hash over a sequence of parts; every name that *link* assigns is one. The length of each part
/// is hashed too, so that different sequences cannot have the same bytes.
pub(super) struct Name(blake3::Hasher);

impl Name {
    /// Increase when linking changes, so that a name never refers to the output of another version
    /// of kt.
    const FORMAT: &str = "kt link 2";

    pub fn new(kind: &str) -> Self {
        let mut name = Self(blake3::Hasher::new());
        name.add(Self::FORMAT);
        name.add(kind);
        name
    }

    pub fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        let part = part.as_ref();
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub fn add_all<T: AsRef<[u8]>>(&mut self, parts: impl IntoIterator<Item = T>) -> &mut Self {
        let mut count = 0u64;
        for part in parts {
            self.add(part);
            count += 1;
        }
        self.0.update(&count.to_le_bytes());
        self
    }

    /// 64 hex digits.
    pub fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// The digits of a hash that are part of a soname.
pub(super) fn short(hex: &str) -> &str {
    &hex[..16]
}

/// The digits of a hash that are the build id.
pub(super) fn build_id(hex: &str) -> &str {
    &hex[..32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_of_parts_are_hashed() {
        let hex = |parts: &[&str]| Name::new("test").add_all(parts).hex();
        assert_ne!(hex(&["ab", "c"]), hex(&["a", "bc"]));
        assert_ne!(hex(&["a"]), hex(&["a", ""]));
        assert_eq!(hex(&["a", "b"]), hex(&["a", "b"]));
    }

    #[test]
    fn a_file_is_read_again_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (cache, file) = (folder.join("hashes"), folder.join("file"));
        fs::write(&file, "one").unwrap();
        let mut hashes = Hashes::load(&cache);
        let one = hashes.files(&[&file]).unwrap();
        hashes.save(&cache).unwrap();

        let mut hashes = Hashes::load(&cache);
        let never = |_: &Utf8Path, _: &[u8]| unreachable!("the file did not change");
        assert_eq!(hashes.facts(&[&file], never).unwrap()[0].content, one[0]);

        warm::write(&file, b"two").unwrap();
        assert_ne!(hashes.files(&[&file]).unwrap(), one);
    }
}
