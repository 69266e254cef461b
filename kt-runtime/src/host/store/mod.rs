//! Objects by the hash of their content, and the directories in which a worker finds a generation's under their names.

mod error;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;
mod view;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use tokio::time::Instant;

use self::error::failed;
pub use self::{error::StoreError, upload::Upload, view::View};
use crate::wire::ObjectId;

/// The store of one service.
#[derive(Debug)]
pub struct Store {
    objects: PathBuf,
    loaded: PathBuf,
    uploads: AtomicU64,
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
            wanted: Mutex::default(),
        };
        store.sweep(|id| id.is_none());
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
