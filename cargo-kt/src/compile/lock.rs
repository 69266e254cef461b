//! The lock that allows one build at a time in a target directory.

use std::fs::{File, TryLockError};

use camino::Utf8Path;

use super::error::At as _;
use super::{BuildError, Console};

/// Held until the rlibs of a program are linked. The kernel releases it when the process exits.
#[derive(Debug)]
pub struct BuildLock {
    _file: File,
}

impl BuildLock {
    /// Takes the lock of a kt directory, waiting for the process that holds it.
    ///
    /// # Errors
    /// If the file system fails.
    pub(super) fn take(warm: &Utf8Path, console: &dyn Console) -> Result<Self, BuildError> {
        std::fs::create_dir_all(warm).at("create", warm)?;
        let path = warm.join("build.lock");
        let file = File::create(&path).at("create", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                console.status(
                    "Blocking",
                    "waiting for another `cargo kt` in this target directory",
                );
                file.lock().at("lock", &path)?;
            }
            Err(TryLockError::Error(source)) => {
                return Err(BuildError::File {
                    what: "lock",
                    path,
                    source,
                });
            }
        }
        Ok(Self { _file: file })
    }
}
