//! What a file holds (blake3), which file it is (stamp), and writing one so that nobody ever reads half of it.

use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

/// blake3 of a file's content in hex, or `None` where there is no such file.
///
/// # Errors
/// Any other failure to read it.
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

/// Hashes of many files, in order; unreadable ones count as absent, which never equals what was compiled.
pub(super) fn hash_all(paths: &[&Utf8Path]) -> Vec<Option<String>> {
    /// Below this many files a thread costs more than it saves.
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

/// Whether an error only says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Turns the failure to remove what is not there into success.
pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_absent(&error) => Ok(()),
        result => result,
    }
}

/// Tells one state of a file that a program writes anew (an artifact, a compiler) from any other, without reading it.
/// Not used for sources: those are hashed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    size: u64,
    inode: u64,
    /// Nanoseconds since the epoch.
    modified: i128,
}

impl Stamp {
    /// The stamp of the file at `path` (symbolic links followed), or `None` where there is none.
    pub(super) fn of(path: &Utf8Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// When a file's content or name last changed (ctime): unlike mtime it cannot be set back.
/// In nanoseconds since the epoch, by the file system's clock.
pub(super) fn changed_at(path: &Utf8Path) -> Option<i128> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(nanoseconds(metadata.ctime(), metadata.ctime_nsec()))
}

/// A file's mtime, by which cargo goes, in nanoseconds since the epoch.
pub(super) fn modified_at(path: &Utf8Path) -> Option<i128> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(nanoseconds(metadata.mtime(), metadata.mtime_nsec()))
}

/// The time by the file system's clock, read off a file made in `directory`.
///
/// # Errors
/// When no file can be made there.
pub(super) fn clock(directory: &Utf8Path) -> io::Result<i128> {
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let metadata = file.as_file().metadata()?;
    Ok(nanoseconds(metadata.ctime(), metadata.ctime_nsec()))
}

/// Seconds and their fraction as one number.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// Writes a file under a temporary name and renames it.
///
/// # Errors
/// Those of the file system; the old content then still stands.
pub(super) fn write_atomically(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    io::Write::write_all(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}

/// Makes `to` a second name of `from`, replacing what was there; a copy where the file system has no hard links.
///
/// # Errors
/// Those of the file system.
pub(super) fn link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    absent_is_fine(std::fs::remove_file(to))?;
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ()))
}

/// Makes `at` a symbolic link to `to`, never absent in between.
///
/// # Errors
/// Those of the file system.
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
