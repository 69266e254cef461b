//! Digests of files and directories that force cargo when they change: build scripts' inputs and where cargo discovers
//! targets.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::file;

/// A file, or a directory with all that lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Over name, size, mtime, ctime and inode of each file and directory.
    pub(super) digest: String,
    /// The newest mtime of all that cargo looks at, in nanoseconds since the epoch.
    pub(super) modified: i128,
    /// The newest ctime of all, which cannot be set back as an mtime can.
    pub(super) changed: i128,
}

impl Tree {
    /// What `rerun-if-changed` names, or `None` where nothing is there. cargo leaves nothing out and follows links
    /// (`mtime_recursive` in its `cargo-util/src/paths.rs`).
    pub(super) fn whole(path: &Utf8Path) -> Option<Self> {
        Self::of(path, true, &|_, _| true)
    }

    /// A package's own files, which count for a build script that names none. cargo leaves out the packages within, and
    /// `target` beside the manifest (`list_files_walk` in its `sources/path.rs`); `target_directory` may lie elsewhere.
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
        let newest = |time: fn(&Seen) -> i128| walk.found.iter().map(time).max();
        let modified = newest(|seen| seen.modified)?;
        let changed = newest(|seen| seen.changed)?;
        let mut hasher = blake3::Hasher::new();
        for seen in &walk.found {
            hasher.update(seen.path.as_str().as_bytes());
            let Seen {
                size,
                inode,
                modified,
                changed,
                ..
            } = seen;
            hasher.update(format!("\0{size} {inode} {modified} {changed}\n").as_bytes());
        }
        Some(Self {
            digest: hasher.finalize().to_hex().to_string(),
            modified,
            changed,
        })
    }
}

/// One name in a tree. A link is seen twice: as itself and as what it leads to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: Utf8PathBuf,
    size: u64,
    inode: u64,
    modified: i128,
    changed: i128,
}

impl Seen {
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
    /// The dates of directories count too.
    dates_directories: bool,
    /// Whether to enter a directory at this depth below the root.
    enters: &'a dyn Fn(&Utf8Path, usize) -> bool,
    /// Device and inode of the directories around the current one: a link back to one of them is a loop.
    above: Vec<(u64, u64)>,
    found: Vec<Seen>,
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
            let mut link = Seen::new(path, &itself);
            if depth == 0 && !is_directory {
                // Of a link to one file, cargo looks at the file alone.
                link.modified = i128::MIN;
            }
            self.found.push(link);
        }
        let Some(target) = target else { return };
        if !is_directory || self.dates_directories {
            self.found.push(Seen::new(path, &target));
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

/// A digest of the names by which cargo discovers a package's targets
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
