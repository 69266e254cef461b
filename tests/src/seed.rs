//! Compiled third-party crates that slots share: a new slot starts with those of earlier ones, and
//! cargo decides which are fresh.

use std::{
    fs::{self, File, FileTimes},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use crate::Fixture;

/// What belongs to one target directory: cargo's lock, data of incremental compilation, and kt's
/// records, which contain paths.
const OWN: [&str; 3] = [".cargo-lock", "incremental", "warm"];

/// Larger files are hard links. rustc, linkers and cargo replace libraries and executables, but
/// cargo writes into its small files in place.
const LINKED: u64 = 64 * 1024;

/// The shared artifacts, locked. Slots are filled one after another, so that each crate was
/// compiled against exactly those dependencies that are here.
#[derive(Debug)]
pub(crate) struct Seed {
    directory: PathBuf,
    _lock: File,
}

impl Seed {
    /// Waits for other slots that are being filled.
    pub(crate) fn lock(slots: &Path, fixture: Fixture) -> io::Result<Self> {
        // The layout of target directories depends on these variables.
        let mut hasher = DefaultHasher::new();
        fixture.environment.hash(&mut hasher);
        let directory = slots.join(format!("seed-{:016x}", hasher.finish()));
        fs::create_dir_all(&directory)?;
        let lock = File::create(directory.join("lock"))?;
        lock.lock()?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    pub(crate) fn copy_to(&self, target: &Path) -> io::Result<()> {
        copy_missing(&self.target(), target)
    }

    pub(crate) fn add(&self, target: &Path) -> io::Result<()> {
        copy_missing(target, &self.target())
    }

    fn target(&self) -> PathBuf {
        self.directory.join("target")
    }
}

fn copy_missing(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if OWN.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_missing(&source, &copy)?;
        } else if !copy.exists() {
            copy_file(&source, &copy)?;
        }
    }
    Ok(())
}

/// A copy with the same modification time, which appears as a whole.
fn copy_file(source: &Path, copy: &Path) -> io::Result<()> {
    let metadata = fs::metadata(source)?;
    if metadata.len() >= LINKED {
        return fs::hard_link(source, copy);
    }
    let mut partial = copy.as_os_str().to_owned();
    partial.push(".partial");
    fs::copy(source, &partial)?;
    let times = FileTimes::new().set_modified(metadata.modified()?);
    File::options()
        .write(true)
        .open(&partial)?
        .set_times(times)?;
    fs::rename(partial, copy)
}
