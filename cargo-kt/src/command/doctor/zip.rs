//! Writes a zip file of a few text files.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Writes a new file that only the current user can read.
///
/// # Errors
/// If it exists already or cannot be written.
pub(super) fn write(path: &Path, texts: &[(String, String)]) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut zip = ZipWriter::new(file);
    // A few kB.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in texts {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(text.as_bytes())?;
    }
    zip.finish()?;
    Ok(())
}
