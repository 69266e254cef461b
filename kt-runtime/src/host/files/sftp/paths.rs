//! Resolves paths from a client.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// A path without `.`, `..` and symlinks, as far as it exists: REALPATH.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().map(fs::canonicalize);
            match (parent, path.file_name()) {
                (Some(Ok(folder)), Some(name)) => Ok(folder.join(name)),
                _ => Ok(plain(path)),
            }
        }
        real => real,
    }
}

/// Resolves `.` and `..` lexically.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    plain
}
