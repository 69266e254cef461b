//! The sources of each compilation as rustc read them. A debugger shows the code of older generations with the text that they
//! were made of, and not with what the files say by now.
//!
//! Below `<warm directory>/sources`: a list for each compilation, by the hash of its sources, and the files, by their content.

use std::{
    fs::{self, File},
    io,
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{file, record::Record};

/// What nothing has used for so long is removed: the generations that it belongs to are gone.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How old the mark may be that says when a file was used last.
const MARKED: Duration = Duration::from_secs(24 * 3600);

/// What one crate was compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where rustc ran: debug information names files relative to it.
    pub directory: Utf8PathBuf,
    /// It is of the workspace: cargo calls rustc for it through us, and its flags are ours to add.
    pub is_member: bool,
    /// Each file of Rust, and the blake3 of its content.
    pub files: Vec<(Utf8PathBuf, String)>,
}

impl Snapshot {
    /// That of a crate's sources, by their [`sources_hash`](super::HotCrate::sources_hash). `None` if none was kept.
    pub fn of(warm: &Utf8Path, sources_hash: &str) -> Option<Self> {
        let text = fs::read(list(warm, sources_hash)?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Where a file with this content is now: the file itself if it still has it, else our copy.
    pub fn find(warm: &Utf8Path, path: &Utf8Path, blake3: &str) -> Option<Utf8PathBuf> {
        let is_it = |path: &Utf8Path| file::hash(path).ok().flatten().as_deref() == Some(blake3);
        let copy = || copy(warm, path, blake3).filter(|copy| is_it(copy));
        is_it(path).then(|| path.to_owned()).or_else(copy)
    }
}

/// Keeps what a crate was compiled from, if it is not kept yet. Nothing depends on it but what a debugger can show, so a failure
/// fails no build.
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
            // It may have been edited since: then there is no copy, and a debugger shows nothing.
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

/// `None` for what is no hash: it may come from another machine.
fn list(warm: &Utf8Path, sources_hash: &str) -> Option<Utf8PathBuf> {
    let name = format!("{}.json", short(sources_hash)?);
    Some(warm.join(DIRECTORY).join(name))
}

/// The copy of a file. It has the file's name too, since a person sees it.
fn copy(warm: &Utf8Path, path: &Utf8Path, blake3: &str) -> Option<Utf8PathBuf> {
    let name = format!("{}-{}", short(blake3)?, path.file_name()?);
    Some(warm.join(DIRECTORY).join(name))
}

fn short(hash: &str) -> Option<&str> {
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.get(..32).filter(|_| is_hash)
}

/// Marks a file as used now. Whether it is there.
fn mark(path: &Utf8Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    if age(&metadata).is_some_and(|age| age > MARKED) {
        let marked = File::options().append(true).open(path);
        // The worst is that it is removed, and made again.
        let _ = marked.and_then(|file| file.set_modified(SystemTime::now()));
    }
    true
}

fn age(metadata: &fs::Metadata) -> Option<Duration> {
    metadata.modified().ok()?.elapsed().ok()
}

/// Removes what has not been used for long.
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
    fn an_older_text_is_found_after_an_edit_and_a_file_that_has_it_is_not_copied_from() {
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
            // Data is not for reading.
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
    fn what_was_edited_before_it_was_copied_is_not_passed_off_as_what_was_compiled() {
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
    fn a_name_from_elsewhere_leads_nowhere() {
        let warm = Utf8Path::new("/warm");
        assert_eq!(list(warm, "../../../../../../../../../etc/passwd"), None);
        assert_eq!(list(warm, ""), None);
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
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
