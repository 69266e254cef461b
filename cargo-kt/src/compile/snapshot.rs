//! The sources of each compilation as rustc read them. With them a debugger shows the code of an
//! older generation from the text that it was compiled from, and not from the current files.
//!
//! They are below `<kt directory>/sources`: a list for each compilation, named by the hash of its
//! sources, and the files, named by the hash of their content.

use std::{
    fs::{self, File},
    io,
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{file, record::Record};

/// A file that was unused for so long is removed: its generations no longer exist.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// The age at which the mark of a file's last use is renewed.
const MARKED: Duration = Duration::from_secs(24 * 3600);

/// The sources that one crate was compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The working directory of rustc, to which the file names in debug information are relative.
    pub directory: Utf8PathBuf,
    /// The crate is a workspace member: cargo compiles it through kt's wrapper, which can add
    /// flags.
    pub is_member: bool,
    /// Each Rust file, and the blake3 of its content.
    pub files: Vec<(Utf8PathBuf, String)>,
}

impl Snapshot {
    /// Reads the snapshot with this [`sources_hash`](crate::artifacts::HotCrate::sources_hash). `None` if none
    /// is stored.
    pub fn of(warm: &Utf8Path, sources_hash: &str) -> Option<Self> {
        let text = fs::read(list(warm, sources_hash)?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Finds a file with this content: the file itself if it is unchanged, else the stored copy.
    pub fn find(warm: &Utf8Path, path: &Utf8Path, blake3: &str) -> Option<Utf8PathBuf> {
        let is_it = |path: &Utf8Path| file::hash(path).ok().flatten().as_deref() == Some(blake3);
        let copy = || copy(warm, path, blake3).filter(|copy| is_it(copy));
        is_it(path).then(|| path.to_owned()).or_else(copy)
    }
}

/// Stores the sources of a crate, if they are not stored yet. Only debuggers use them, so failures
/// are ignored.
pub(super) fn keep(warm: &Utf8Path, record: &Record) {
    let Some(list) = list(warm, &record.sources_hash()) else {
        return;
    };
    if mark(&list) {
        return;
    }
    let rust = |(path, _): &&(Utf8PathBuf, String)| path.extension() == Some("rs");
    let files = record.sources.iter().filter(rust).cloned();
    let snapshot = Snapshot {
        directory: record.directory.clone(),
        is_member: record.invocation.is_some(),
        files: files.collect(),
    };
    for (path, blake3) in &snapshot.files {
        if let Some(copy) = copy(warm, path, blake3)
            && !mark(&copy)
        {
            // If it was edited since, there is no copy and a debugger shows nothing.
            let content = fs::read(path).unwrap_or_default();
            if file::hash_bytes(&content) == *blake3 {
                let _ = file::write_atomically(&copy, &content);
            }
        }
    }
    if let Ok(text) = serde_json::to_vec(&snapshot) {
        let _ = file::write_atomically(&list, &text);
    }
    sweep(&warm.join(DIRECTORY));
}

const DIRECTORY: &str = "sources";

/// `None` if this is not a hash. It may come from another machine.
fn list(warm: &Utf8Path, sources_hash: &str) -> Option<Utf8PathBuf> {
    let name = format!("{}.json", short(sources_hash)?);
    Some(warm.join(DIRECTORY).join(name))
}

/// The copy of a file. Its name contains the file's name, since debuggers display it.
fn copy(warm: &Utf8Path, path: &Utf8Path, blake3: &str) -> Option<Utf8PathBuf> {
    let name = format!("{}-{}", short(blake3)?, path.file_name()?);
    Some(warm.join(DIRECTORY).join(name))
}

fn short(hash: &str) -> Option<&str> {
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.get(..32).filter(|_| is_hash)
}

/// Marks a file as used now. Returns whether it exists.
fn mark(path: &Utf8Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    if age(&metadata).is_some_and(|age| age > MARKED) {
        let marked = File::options().append(true).open(path);
        // On failure it may be removed and written again, no more.
        let _ = marked.and_then(|file| file.set_modified(SystemTime::now()));
    }
    true
}

fn age(metadata: &fs::Metadata) -> Option<Duration> {
    metadata.modified().ok()?.elapsed().ok()
}

/// Removes files that were unused for long.
fn sweep(directory: &Utf8Path) {
    for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .is_ok_and(|metadata| age(&metadata).is_some_and(|age| age > KEPT));
        if old {
            let _: io::Result<()> = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Origin, UnitKey};
    use super::*;

    fn record(root: &Utf8Path, files: &[&str]) -> Record {
        let key = UnitKey {
            out_dir: root.to_owned(),
            stem: "app".to_owned(),
        };
        let package = Origin {
            name: "app".to_owned(),
            directory: root.to_owned(),
        };
        let sources = files.iter().map(|name| {
            let path = root.join(name);
            let hash = file::hash(&path).unwrap().unwrap();
            (path, hash)
        });
        Record {
            sources: sources.collect(),
            ..Record::empty(key, package, root)
        }
    }

    #[test]
    fn old_source_is_found_in_the_copy_and_current_source_in_the_file() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let (warm, main) = (root.join("warm"), root.join("main.rs"));
        fs::write(&main, "fn old() {}").unwrap();
        fs::write(root.join("table.bin"), "data").unwrap();
        let old = record(root, &["main.rs", "table.bin"]);
        keep(&warm, &old);

        fs::write(&main, "fn new() {}").unwrap();
        let new = record(root, &["main.rs", "table.bin"]);
        keep(&warm, &new);

        let text = |record: &Record| {
            let snapshot = Snapshot::of(&warm, &record.sources_hash()).unwrap();
            assert_eq!(snapshot.directory, root);
            // `table.bin` is not Rust.
            let [(path, blake3)] = &snapshot.files[..] else {
                panic!("{snapshot:?}");
            };
            let found = Snapshot::find(&warm, path, blake3).unwrap();
            (found == main, fs::read_to_string(found).unwrap())
        };
        assert_eq!(text(&old), (false, "fn old() {}".to_owned()));
        assert_eq!(text(&new), (true, "fn new() {}".to_owned()));
    }

    #[test]
    fn source_edited_before_the_copy_is_not_found() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let (warm, main) = (root.join("warm"), root.join("main.rs"));
        fs::write(&main, "fn old() {}").unwrap();
        let old = record(root, &["main.rs"]);
        fs::write(&main, "fn new() {}").unwrap();
        keep(&warm, &old);
        let snapshot = Snapshot::of(&warm, &old.sources_hash()).unwrap();
        let (path, blake3) = &snapshot.files[0];
        assert_eq!(Snapshot::find(&warm, path, blake3), None);
    }

    #[test]
    fn only_a_hash_names_a_list() {
        let warm = Utf8Path::new("/warm");
        assert_eq!(list(warm, "../../../../../../../../../etc/passwd"), None);
        assert_eq!(list(warm, ""), None);
    }

    #[test]
    fn sweep_removes_only_unused_files() {
        let root = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap();
        let old = SystemTime::now() - 2 * KEPT;
        let [used, unused] = ["used", "unused"].map(|name| {
            let path = root.join(name);
            File::create(&path).unwrap().set_modified(old).unwrap();
            path
        });
        assert!(mark(&used));
        sweep(root);
        assert!(used.exists() && !unused.exists());
    }
}
