//! One build at a time in a target directory.

use std::fs::{File, TryLockError};

use camino::Utf8Path;

use super::error::At as _;
use super::{BuildError, Console};

/// Held while a program is compiled and until its rlibs are linked. The kernel releases it with the process.
#[derive(Debug)]
pub struct BuildLock {
    _file: File,
}

impl BuildLock {
    /// Takes the lock of a warm directory, waiting for the process that holds it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn take(warm: &Utf8Path, console: &dyn Console) -> Result<Self, BuildError> {
        std::fs::create_dir_all(warm).at("creation", warm)?;
        let path = warm.join("build.lock");
        let file = File::create(&path).at("creation", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                console.status(
                    "Blocking",
                    "waiting for another build of kt in this target directory",
                );
                file.lock().at("locking", &path)?;
            }
            Err(TryLockError::Error(source)) => {
                return Err(BuildError::File {
                    what: "locking",
                    path,
                    source,
                });
            }
        }
        Ok(Self { _file: file })
    }
}
