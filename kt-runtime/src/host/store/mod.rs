//! Objects by the hash of their content, and the directories in which a worker finds a generation's under their names.
//!
//! An object comes as it is, compressed, or as a patch of another; what is stored is always the object. An upload that breaks
//! off leaves what came of it, for a while.

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

/// How long an object waits for the swap that it was uploaded for, and an interrupted upload for its rest. A larger base over a
/// slow line takes minutes.
const WANTED: Duration = Duration::from_secs(600);

/// The store of one service.
#[derive(Debug)]
pub struct Store {
    objects: PathBuf,
    loaded: PathBuf,
    uploads: AtomicU64,
    /// Files of partial uploads that somebody writes to.
    busy: Busy,
    /// Held while a patch is decoded: one at a time, since each takes memory for two objects.
    patching: Arc<Mutex<()>>,
    /// Asked for or uploaded, and when: somebody is about to swap to them.
    wanted: Mutex<HashMap<ObjectId, Instant>>,
}

impl Store {
    /// Opens the store of a service whose workers are all gone. After a reboot nothing in it is trusted: files are renamed
    /// without waiting for the disk, and a power cut may have left them short.
    ///
    /// # Errors
    /// If the directories cannot be made.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let (objects, loaded) = (directory.join("objects"), directory.join("loaded"));
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

    /// Those of `ids` that are not there.
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

    /// What of it is not there or not what it was, and how far interrupted uploads of that are. Patches may refer for a while to what is there.
    pub fn lacks(&self, wanted: Wanted) -> Missing {
        let missing = self.missing(wanted.objects);
        let references = wanted.references.into_iter().filter(|&id| {
            let there = self.path(id).exists();
            if there {
                self.wanted().insert(id, Instant::now());
            }
            there
        });
        Missing {
            references: references.collect(),
            objects: self.with_partials(missing),
        }
    }

    /// Removes all of it.
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
