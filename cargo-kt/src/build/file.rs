//! Content hashes (blake3), file identities (stamps), and writes that no process sees half done.

use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

/// blake3 of a file's content in hex. `None` if the file does not exist.
///
/// # Errors
/// If it exists and cannot be read.
pub(super) fn hash(path: &Utf8Path) -> io::Result<Option<String>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(hash_bytes(&content))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// blake3 in hex.
pub(super) fn hash_bytes(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// Hashes of many files, in order. An unreadable file counts as absent, which never equals a
/// recorded hash.
pub(super) fn hash_all(paths: &[&Utf8Path]) -> Vec<Option<String>> {
    /// A thread for fewer files costs more than it saves.
    const PER_THREAD: usize = 48;
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(paths.len().div_ceil(PER_THREAD));
    let hash_chunk = |chunk: &[&Utf8Path]| {
        chunk
            .iter()
            .map(|path| hash(path).unwrap_or(None))
            .collect::<Vec<_>>()
    };
    if threads <= 1 {
        return hash_chunk(paths);
    }
    std::thread::scope(|scope| {
        let chunks = paths.chunks(paths.len().div_ceil(threads));
        let workers: Vec<_> = chunks
            .map(|chunk| (chunk.len(), scope.spawn(move || hash_chunk(chunk))))
            .collect();
        let joined = workers
            .into_iter()
            .flat_map(|(length, worker)| worker.join().unwrap_or_else(|_| vec![None; length]));
        joined.collect()
    })
}

/// Whether the error means that the file does not exist.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Ignores the failure to remove a file that does not exist.
pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_absent(&error) => Ok(()),
        result => result,
    }
}

/// Identifies one version of a file that programs replace (an artifact, a compiler) without reading
/// it. Not used for sources: those are hashed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    size: u64,
    inode: u64,
    /// Nanoseconds since the epoch.
    modified: i128,
}

impl Stamp {
    /// The stamp of the file at `path`, following symbolic links. `None` if it does not exist.
    pub(super) fn of(path: &Utf8Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// When a file's content or name last changed (ctime, which unlike mtime cannot be set back), in
/// nanoseconds since the epoch by the file system's clock.
pub(super) fn changed_at(path: &Utf8Path) -> Option<i128> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(nanoseconds(metadata.ctime(), metadata.ctime_nsec()))
}

/// A file's mtime, which cargo compares, in nanoseconds since the epoch.
pub(super) fn modified_at(path: &Utf8Path) -> Option<i128> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(nanoseconds(metadata.mtime(), metadata.mtime_nsec()))
}

/// The time by the file system's clock, taken from a new file in `directory`.
///
/// # Errors
/// If no file can be created in it.
pub(super) fn clock(directory: &Utf8Path) -> io::Result<i128> {
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let metadata = file.as_file().metadata()?;
    Ok(nanoseconds(metadata.ctime(), metadata.ctime_nsec()))
}

/// Combines seconds and nanoseconds.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// Writes a file under a temporary name and renames it.
///
/// # Errors
/// If the file system fails. The old content then remains.
pub(super) fn write_atomically(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    io::Write::write_all(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}

/// Makes `to` a hard link to `from`, replacing `to`. Copies if the file system has no hard links.
///
/// # Errors
/// If the file system fails.
pub(super) fn link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    absent_is_fine(std::fs::remove_file(to))?;
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ()))
}

/// Makes `at` a symbolic link to `to`, atomically.
///
/// # Errors
/// If the file system fails.
pub(super) fn symlink(to: &Utf8Path, at: &Utf8Path) -> io::Result<()> {
    if std::fs::read_link(at).is_ok_and(|current| current == to.as_std_path()) {
        return Ok(());
    }
    let directory = at.parent().unwrap_or(Utf8Path::new("/"));
    std::fs::create_dir_all(directory)?;
    let staging = tempfile::tempdir_in(directory)?;
    let fresh = Utf8PathBuf::from_path_buf(staging.path().join("link"))
        .map_err(|_| io::ErrorKind::InvalidFilename)?;
    std::os::unix::fs::symlink(to, &fresh)?;
    std::fs::rename(&fresh, at)
}
