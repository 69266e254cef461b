//! Files of the cache: written atomically, and never required.

use std::io::{self, Write as _};

use camino::Utf8Path;
use serde::Serialize;

/// If a directory has more files, [`prune`] removes the oldest.
const MAX_FILES: usize = 256;

/// Writes a file of the cache. A failure only makes the next run slower, so it is not reported.
pub fn write_json(path: &Utf8Path, value: &impl Serialize) {
    let _ = try_write_json(path, value);
}

/// Writes a file that must not be lost.
///
/// # Errors
/// File system errors.
pub fn try_write_json(path: &Utf8Path, value: &impl Serialize) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    {
        let mut writer = io::BufWriter::new(&mut file);
        serde_json::to_writer(&mut writer, value)?;
        writer.flush()?;
    }
    file.persist(path)?;
    Ok(())
}

/// Removes the oldest files of a directory that grows with every edit.
pub fn prune(directory: &Utf8Path) {
    let Ok(entries) = directory.read_dir_utf8() else {
        return;
    };
    let with_age = |entry: camino::Utf8DirEntry| {
        Some((entry.metadata().ok()?.modified().ok()?, entry.into_path()))
    };
    let mut files: Vec<_> = entries.flatten().filter_map(with_age).collect();
    if files.len() > MAX_FILES {
        files.sort();
        files[..files.len() - MAX_FILES / 2]
            .iter()
            .for_each(|(_, path)| {
                let _ = std::fs::remove_file(path);
            });
    }
}
