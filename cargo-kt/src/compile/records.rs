//! The directory of all records of one workspace: reading, writing and finding them.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::file;
use super::record::{FORMAT, Record, UnitKey};
use super::unit::Purpose;
use super::watch::Watch;

/// In the directory of a workspace's records: the path of its root.
const ROOT: &str = "workspace";
/// And what is known of the runs of build scripts.
const RUNS: &str = "runs";
/// And what crates say of their types.
const TYPES: &str = "types";

/// The directory that holds all records of one workspace in one target directory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: Utf8PathBuf,
}

impl Records {
    /// Below the warm directory, for the workspace with this root.
    pub(super) fn below(warm: &Utf8Path, workspace_root: &Utf8Path) -> Self {
        let name = file::hash_bytes(workspace_root.as_str().as_bytes());
        Self {
            directory: warm.join("records").join(&name[..16]),
        }
    }

    /// Makes the directory, if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn create(&self, workspace_root: &Utf8Path) -> io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let root = self.directory.join(ROOT);
        if root.is_file() {
            return Ok(());
        }
        file::write_atomically(&root, workspace_root.as_str().as_bytes())
    }

    /// Deletes what no build can use any more: records of a compilation or a run whose outputs are gone, records of another
    /// format, and those of a kt that did not tell workspaces apart. Other workspaces' are left alone: they tell whose the
    /// outputs are that lie there.
    ///
    /// The caller holds the lock of this build directory, so nobody is about to write what is looked at here.
    pub(super) fn sweep(&self) {
        let all = self.directory.parent().map(Utf8Path::read_dir_utf8);
        for entry in all.into_iter().flatten().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if name == RUNS || matches!(path.extension(), Some("json" | "link")) {
                remove(path);
            }
        }
        for path in files(&self.directory) {
            if !Self::read_file(&path).is_some_and(|record| record.is_of_use()) {
                remove(&path.with_extension("link"));
                remove(&path);
            }
        }
        for path in files(&self.directory.join(RUNS)) {
            let run = std::fs::read(&path).ok();
            let run = run.and_then(|bytes| serde_json::from_slice::<Watch>(&bytes).ok());
            if !run.is_some_and(|run| run.out_dir.is_dir()) {
                remove(&path);
            }
        }
    }

    /// Those of other workspaces in the same target directory, and the root of each.
    pub(super) fn others(&self) -> Vec<(Utf8PathBuf, Self)> {
        let above = self.directory.parent().map(Utf8Path::read_dir_utf8);
        let entries = above.into_iter().flatten().flatten().flatten();
        entries
            .map(|entry| Self::at(entry.into_path()))
            .filter(|other| other.directory != self.directory)
            .filter_map(|other| {
                let root = std::fs::read_to_string(other.directory.join(ROOT)).ok()?;
                Some((root.into(), other))
            })
            .collect()
    }

    /// The directory itself, as handed to the wrapper.
    pub(super) fn at(directory: Utf8PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Where the two symbolic links to this executable are. The wrapper's path is hashed into every crate's metadata,
    /// so it must never change.
    pub(super) fn links(&self) -> Utf8PathBuf {
        let records = self.directory.parent().unwrap_or(&self.directory);
        records.with_file_name("bin")
    }

    /// The directory of all that kt writes in this target directory.
    pub(super) fn warm(&self) -> &Utf8Path {
        let warm = self.directory.parent().and_then(Utf8Path::parent);
        warm.unwrap_or(&self.directory)
    }

    /// What a crate says of its types before it is compiled whole.
    pub(super) fn types_path(&self, key: &UnitKey) -> Utf8PathBuf {
        self.directory
            .join(TYPES)
            .join(format!("{}.json", Self::name(key)))
    }

    /// The record of a compilation, if there is one and it can be read.
    pub(super) fn read(&self, key: &UnitKey) -> Option<Record> {
        Self::read_file(&self.path(key))
    }

    fn read_file(path: &Utf8Path) -> Option<Record> {
        let record: Record = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    /// The compilations of bins and examples of this crate name, with outputs below `directory`.
    pub(super) fn programs(&self, crate_name: &str, directory: &Utf8Path) -> Vec<UnitKey> {
        let is_near = |path: &Utf8PathBuf| {
            path.file_name()
                .is_some_and(|name| name.starts_with(crate_name))
        };
        let paths = files(&self.directory).into_iter().filter(is_near);
        paths
            .filter_map(|path| Self::read_file(&path)?.invocation?.unit())
            .filter(|unit| unit.purpose == Purpose::Program && unit.crate_name == crate_name)
            .filter(|unit| unit.out_dir.starts_with(directory))
            .map(|unit| unit.key())
            .collect()
    }

    /// All records.
    pub(super) fn all(&self) -> Vec<Record> {
        let paths = files(&self.directory).into_iter();
        paths.filter_map(|path| Self::read_file(&path)).collect()
    }

    /// What is known of each run of a build script.
    pub(super) fn all_runs(&self) -> Vec<Watch> {
        let paths = files(&self.directory.join(RUNS)).into_iter();
        paths
            .filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
            .collect()
    }

    /// What is known of the last run of the build script with this `OUT_DIR`.
    pub(super) fn read_run(&self, out_dir: &Utf8Path) -> Option<Watch> {
        serde_json::from_slice(&std::fs::read(self.run_path(out_dir)).ok()?).ok()
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn write_run(&self, run: &Watch) -> io::Result<()> {
        file::write_atomically(&self.run_path(&run.out_dir), &serde_json::to_vec(run)?)
    }

    fn run_path(&self, out_dir: &Utf8Path) -> Utf8PathBuf {
        let name = file::hash_bytes(out_dir.as_str().as_bytes());
        self.directory
            .join(RUNS)
            .join(format!("{}.json", &name[..16]))
    }

    /// # Errors
    /// Those of the file system.
    pub(super) fn write(&self, key: &UnitKey, record: &Record) -> io::Result<()> {
        file::write_atomically(&self.path(key), &serde_json::to_vec(record)?)
    }

    /// Where a program's kept objects and link line lie.
    pub(super) fn link_directory(&self, key: &UnitKey) -> Utf8PathBuf {
        self.directory.join(format!("{}.link", Self::name(key)))
    }

    fn path(&self, key: &UnitKey) -> Utf8PathBuf {
        self.directory.join(format!("{}.json", Self::name(key)))
    }

    /// Crates that are also a cdylib have the same stem in every profile: the directory tells them apart.
    fn name(key: &UnitKey) -> String {
        let directory = file::hash_bytes(key.out_dir.as_str().as_bytes());
        format!("{}-{}", key.stem, &directory[..8])
    }
}

/// What cannot be removed is tried again at the next build.
fn remove(path: &Utf8Path) {
    let _ = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
}

fn files(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter();
    entries
        .flatten()
        .flatten()
        .map(|entry| entry.into_path())
        .filter(|path| path.extension() == Some("json"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{file::Stamp, record::Origin};

    #[test]
    fn records_of_what_is_gone_are_deleted_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let warm = Utf8Path::from_path(folder.path()).unwrap();
        let records = Records::below(warm, "/home/alice/app".into());
        records.create("/home/alice/app".into()).unwrap();
        let other = Records::below(warm, "/home/alice/other".into());
        other.create("/home/alice/other".into()).unwrap();
        let origin = || Origin {
            name: "app".to_owned(),
            directory: "/home/alice/app".into(),
        };
        let record = |records: &Records, stem: &str, artifact: &str| {
            let key = UnitKey {
                out_dir: warm.to_owned(),
                stem: stem.to_owned(),
            };
            let mut record = Record::empty(key.clone(), origin(), Utf8Path::new("/"));
            let stamp = Stamp::of(warm).unwrap();
            record.artifacts.push((warm.join(artifact), stamp));
            records.write(&key, &record).unwrap();
            std::fs::create_dir(records.link_directory(&key)).unwrap();
            key
        };
        std::fs::write(warm.join("there.rlib"), "").unwrap();
        let used = record(&records, "used", "there.rlib");
        let gone = record(&records, "gone", "gone.rlib");
        let theirs = record(&other, "theirs", "gone.rlib");
        // Of another format, and of the time when all workspaces had one directory.
        let damaged = records.directory().join("damaged-00000000.json");
        std::fs::write(&damaged, "{}").unwrap();
        let old = warm.join("records/app-0123456789abcdef-01234567.json");
        std::fs::write(&old, "{}").unwrap();

        records.sweep();
        assert!(records.read(&used).is_some() && records.link_directory(&used).is_dir());
        assert!(records.read(&gone).is_none() && !records.link_directory(&gone).exists());
        assert!(other.read(&theirs).is_some());
        assert!(!damaged.exists() && !old.exists());
        assert_eq!(records.others().len(), 1);
    }
}
