//! Digests of directories that force cargo when they change: build scripts' inputs and where cargo discovers targets.

use camino::{Utf8Path, Utf8PathBuf};

use super::file;

/// A digest of a file or of all below a directory by size, mtime, ctime and inode: cargo itself looks at mtimes alone here.
pub(super) fn digest(path: &Utf8Path) -> String {
    let mut hasher = blake3::Hasher::new();
    for path in files(path) {
        hasher.update(path.as_str().as_bytes());
        let stamp = file::Stamp::of(&path);
        hasher.update(format!("{stamp:?} {:?}\n", file::changed_at(&path)).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The latest ctime of what [`digest`] looks at.
pub(super) fn last_change(path: &Utf8Path) -> Option<i128> {
    files(path)
        .iter()
        .filter_map(|path| file::changed_at(path))
        .max()
}

/// The file itself, or everything below the directory, sorted. Version control, build output and packages within are left
/// out, as cargo leaves them out.
fn files(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = directory.read_dir_utf8() else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_left_out =
                matches!(entry.file_name(), "target" | ".git") || path.join("Cargo.toml").is_file();
            if is_directory && is_left_out {
                continue;
            }
            found.push(path.to_owned());
            if is_directory {
                pending.push(path.to_owned());
            }
        }
    }
    found.sort();
    found
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
        if let Ok(entries) = package.join(directory).read_dir_utf8() {
            names.extend(entries.flatten().map(|entry| entry.into_path()));
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
