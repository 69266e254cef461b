//! Objects by the hash of their content, and the directories in which a worker finds a generation's
//! objects by name.
//!
//! An object is uploaded uncompressed, compressed, or as a patch of another; the store always
//! contains the object itself. An interrupted upload is kept for a while.

mod decode;
mod error;
mod partial;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;
mod verify;
mod view;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use tokio::time::Instant;

pub use self::{error::StoreError, view::View};

use self::{error::failed, partial::Busy};
use crate::wire::{
    ObjectId,
    upload::{Missing, Wanted},
};
#[cfg(any(test, fuzzing))]
pub(crate) use decode::fuzz as fuzz_object;
#[cfg(test)]
pub(crate) use decode::seeds as fuzz_seeds;

/// How long an object is kept for its swap, and an interrupted upload for its rest. A large base
/// takes minutes over a slow link.
const WANTED: Duration = Duration::from_secs(600);

/// The subdirectory with the objects.
const OBJECTS: &str = "objects";

/// The path of the object with this hash, in the directory of a service.
pub fn object_path(directory: &Path, id: &str) -> PathBuf {
    directory.join(OBJECTS).join(id)
}

/// The store of one service.
#[derive(Debug)]
pub struct Store {
    objects: PathBuf,
    loaded: PathBuf,
    uploads: AtomicU64,
    /// Files of partial uploads that are being written.
    busy: Busy,
    /// Held while a patch is decoded: one at a time, because each needs memory for two objects.
    patching: Arc<Mutex<()>>,
    /// Objects that were requested or uploaded, and when: a client is about to swap to them.
    wanted: Mutex<HashMap<ObjectId, Instant>>,
}

impl Store {
    /// Opens the store of a service without running workers. After a reboot its content is
    /// discarded: files are renamed without fsync, and a power failure may have truncated them.
    ///
    /// # Errors
    /// If the directories cannot be created.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let (objects, loaded) = (directory.join(OBJECTS), directory.join("loaded"));
        let boot = directory.join("boot");
        let now = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        if fs::read_to_string(&boot).ok().as_deref() != Some(&now) {
            let _ = fs::remove_dir_all(&objects);
        }
        let _ = fs::remove_dir_all(&loaded);
        for path in [&objects, &loaded] {
            fs::create_dir_all(path).map_err(|error| failed("create", path, error))?;
        }
        fs::write(&boot, now).map_err(|error| failed("write", &boot, error))?;
        let store = Self {
            objects,
            loaded,
            uploads: AtomicU64::new(0),
            busy: Busy::default(),
            patching: Arc::default(),
            wanted: Mutex::default(),
        };
        store.sweep();
        Ok(store)
    }

    /// The `ids` that are not in the store.
    pub fn missing(&self, ids: impl IntoIterator<Item = ObjectId>) -> Vec<ObjectId> {
        let mut wanted = self.wanted();
        let mut missing = Vec::new();
        for id in ids {
            wanted.insert(id, Instant::now());
            if !self.path(id).exists() && !missing.contains(&id) {
                missing.push(id);
            }
        }
        missing
    }

    /// The missing objects, and how much of them interrupted uploads have sent. Keeps existing
    /// reference objects for a while.
    pub fn lacks(&self, wanted: Wanted) -> Missing {
        let missing = self.missing(wanted.objects);
        let references = wanted.references.into_iter().filter(|&id| {
            let exists = self.path(id).exists();
            if exists {
                self.wanted().insert(id, Instant::now());
            }
            exists
        });
        Missing {
            references: references.collect(),
            objects: self.with_partials(missing),
        }
    }

    /// Removes the whole store.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.objects);
        let _ = fs::remove_dir_all(&self.loaded);
    }

    fn path(&self, id: ObjectId) -> PathBuf {
        self.objects.join(id.to_string())
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<ObjectId, Instant>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
