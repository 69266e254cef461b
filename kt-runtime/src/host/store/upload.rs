use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::atomic::Ordering,
};

use tokio::time::Instant;

use super::{Store, StoreError, error::written};
use crate::wire::{ObjectId, limits};

impl Store {
    /// Begins to take an object. `announced` is its length as the peer says, if it does.
    ///
    /// # Errors
    /// If it is too large or no file can be made.
    pub fn upload(&self, id: ObjectId, announced: Option<u64>) -> Result<Upload, StoreError> {
        if announced.is_some_and(|length| length > limits::OBJECT) {
            return Err(StoreError::TooLarge {
                limit: limits::OBJECT,
            });
        }
        self.wanted().insert(id, Instant::now());
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let temporary = self.objects.join(format!("upload-{number}"));
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            // The launcher is among them, and a hard link has its file's mode.
            .mode(0o700)
            .open(&temporary)
            .map_err(|error| written(&temporary, announced, error))?;
        Ok(Upload {
            id,
            announced,
            length: 0,
            hasher: blake3::Hasher::new(),
            file,
            temporary,
            place: self.path(id),
            kept: false,
        })
    }
}

/// An object that arrives. Dropped before [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    id: ObjectId,
    announced: Option<u64>,
    length: u64,
    hasher: blake3::Hasher,
    pub(super) file: File,
    temporary: PathBuf,
    place: PathBuf,
    kept: bool,
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If there are too many, or the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        if self.length > limits::OBJECT {
            return Err(StoreError::TooLarge {
                limit: limits::OBJECT,
            });
        }
        self.hasher.update(bytes);
        let before = self.length - bytes.len() as u64;
        let needed = self.announced.map(|all| all.saturating_sub(before));
        self.file
            .write_all(bytes)
            .map_err(|error| written(&self.temporary, needed, error))
    }

    /// Puts the object under its name if it is what it says.
    ///
    /// # Errors
    /// If its hash is another, or it cannot be renamed.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let found = ObjectId(*self.hasher.finalize().as_bytes());
        if found != self.id {
            return Err(StoreError::WrongHash {
                expected: self.id,
                found,
            });
        }
        fs::rename(&self.temporary, &self.place)
            .map_err(|error| written(&self.place, None, error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
