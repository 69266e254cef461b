//! Digests of files and directories whose change requires cargo: the inputs of build scripts and
//! the directories in which cargo discovers targets.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::file;

/// A file, or a directory with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Over name, size, mtime, ctime and inode of each file and directory.
    pub(super) digest: String,
    /// The newest mtime that cargo compares, in nanoseconds since the epoch.
    pub(super) modified: i128,
    /// The newest ctime, which cannot be set back as an mtime can.
    pub(super) changed: i128,
}

impl Tree {
    /// A path of `rerun-if-changed`. `None` if it does not exist. cargo includes all files and
    /// follows links (`mtime_recursive` in its `cargo-util/src/paths.rs`).
    pub(super) fn whole(path: &Utf8Path) -> Option<Self> {
        Self::of(path, true, &|_, _| true)
    }

    /// A package's own files, which count for a build script that names none. cargo excludes nested
    /// packages and `target` beside the manifest (`list_files_walk` in its `sources/path.rs`).
    /// `target_directory` may be another directory.
    pub(super) fn package(root: &Utf8Path, target_directory: &Utf8Path) -> Option<Self> {
        Self::of(root, false, &|path, depth| {
            let is_output = path == target_directory
                || depth == 1 && path.file_name() == Some("target")
                || path.file_name() == Some(".git");
            !is_output && !path.join("Cargo.toml").is_file()
        })
    }

    fn of(
        root: &Utf8Path,
        dates_directories: bool,
        enters: &dyn Fn(&Utf8Path, usize) -> bool,
    ) -> Option<Self> {
        std::fs::metadata(root).ok()?;
        let mut walk = Walk {
            dates_directories,
            enters,
            above: Vec::new(),
            found: Vec::new(),
        };
        walk.visit(root);
        walk.found.sort_unstable();
        let newest = |time: fn(&Entry) -> i128| walk.found.iter().map(time).max();
        let modified = newest(|entry| entry.modified)?;
        let changed = newest(|entry| entry.changed)?;
        let mut hasher = blake3::Hasher::new();
        for entry in &walk.found {
            hasher.update(entry.path.as_str().as_bytes());
            let Entry {
                size,
                inode,
                modified,
                changed,
                ..
            } = entry;
            hasher.update(format!("\0{size} {inode} {modified} {changed}\n").as_bytes());
        }
        Some(Self {
            digest: hasher.finalize().to_hex().to_string(),
            modified,
            changed,
        })
    }
}

/// One path in a tree. A symbolic link has two entries: the link and its target.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    path: Utf8PathBuf,
    size: u64,
    inode: u64,
    modified: i128,
    changed: i128,
}

impl Entry {
    fn new(path: &Utf8Path, metadata: &std::fs::Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            inode: metadata.ino(),
            modified: file::nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: file::nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

struct Walk<'a> {
    /// The mtimes of directories count too.
    dates_directories: bool,
    /// Whether to enter a directory at this depth below the root.
    enters: &'a dyn Fn(&Utf8Path, usize) -> bool,
    /// Device and inode of the directories above the current path. A link to one of them is a loop.
    above: Vec<(u64, u64)>,
    found: Vec<Entry>,
}

impl Walk<'_> {
    fn visit(&mut self, path: &Utf8Path) {
        let Ok(itself) = std::fs::symlink_metadata(path) else {
            return;
        };
        let depth = self.above.len();
        let is_link = itself.file_type().is_symlink();
        let target = match is_link {
            true => std::fs::metadata(path).ok(),
            false => Some(itself.clone()),
        };
        let is_directory = target.as_ref().is_some_and(std::fs::Metadata::is_dir);
        if is_directory && depth > 0 && !(self.enters)(path, depth) {
            return;
        }
        if is_link {
            let mut link = Entry::new(path, &itself);
            if depth == 0 && !is_directory {
                // For a link to one file, cargo compares only the file.
                link.modified = i128::MIN;
            }
            self.found.push(link);
        }
        let Some(target) = target else { return };
        if !is_directory || self.dates_directories {
            self.found.push(Entry::new(path, &target));
        }
        let identity = (target.dev(), target.ino());
        if !is_directory || self.above.contains(&identity) {
            return;
        }
        self.above.push(identity);
        for entry in path.read_dir_utf8().into_iter().flatten().flatten() {
            self.visit(entry.path());
        }
        self.above.pop();
    }
}

/// A digest of the paths by which cargo discovers a package's targets
/// (<https://doc.rust-lang.org/cargo/guide/project-layout.html>).
pub(super) fn layout(package: &Utf8Path) -> String {
    let mut names: Vec<Utf8PathBuf> = ["src/lib.rs", "src/main.rs", "build.rs"]
        .iter()
        .map(|name| package.join(name))
        .filter(|path| path.is_file())
        .collect();
    for directory in ["src/bin", "examples"] {
        for entry in package
            .join(directory)
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
        {
            let main = entry.path().join("main.rs");
            if main.is_file() {
                names.push(main);
            }
            names.push(entry.into_path());
        }
    }
    names.sort();
    file::hash_bytes(
        names
            .iter()
            .map(|path| path.as_str())
            .collect::<Vec<_>>()
            .join("\n")
            .as_bytes(),
    )
}
