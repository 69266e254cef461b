//! Paths as a client names them.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// A path without `.`, `..` and symlinks, as far as it is there: REALPATH.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let there = path.parent().map(fs::canonicalize);
            match (there, path.file_name()) {
                (Some(Ok(folder)), Some(name)) => Ok(folder.join(name)),
                _ => Ok(plain(path)),
            }
        }
        real => real,
    }
}

/// By its letters alone.
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
