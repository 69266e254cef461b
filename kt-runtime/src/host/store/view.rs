use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    Store, StoreError,
    error::{failed, written},
};
use crate::wire::{ObjectId, manifest::Manifest};

/// Limit of an object's name in bytes; file systems allow 255.
pub(super) const NAME: usize = 200;

impl Store {
    /// A directory for the objects of one worker. Each worker has its own, because the dynamic
    /// linker maps a known name to the known file for the life of the process.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn view(&self, instance: u64) -> Result<View, StoreError> {
        let path = self.loaded.join(instance.to_string());
        fs::create_dir(&path).map_err(|error| failed("create", &path, error))?;
        Ok(View {
            path,
            names: Mutex::default(),
        })
    }

    /// Like [`link`](Self::link) for a new worker: verifies everything that it will execute first.
    ///
    /// # Errors
    /// Like [`link`](Self::link), or if an object was modified.
    pub fn link_verified(&self, manifest: &Manifest, view: &View) -> Result<(), StoreError> {
        for object in manifest.objects() {
            self.verify(object.id)?;
        }
        self.link(manifest, view)
    }

    /// Links the objects of `manifest` into a worker's directory under their names.
    ///
    /// # Errors
    /// If a name is invalid, the worker has another object with that name, or an object is missing
    /// or was modified.
    pub fn link(&self, manifest: &Manifest, view: &View) -> Result<(), StoreError> {
        let mut names = view.names.lock().unwrap_or_else(PoisonError::into_inner);
        for object in manifest.objects() {
            check_name(&object.name)?;
            match names.get(&object.name) {
                Some(id) if *id == object.id => continue,
                Some(_) => return Err(StoreError::NameTaken(object.name.clone())),
                None => {}
            }
            if !self.is_fresh(object.id) {
                self.verify(object.id)?;
            }
            let path = view.path.join(&object.name);
            fs::hard_link(self.path(object.id), &path)
                .map_err(|error| written(&path, Some(0), error))?;
            names.insert(object.name.clone(), object.id);
        }
        Ok(())
    }

    /// Links a verified object under another name on the same file system.
    ///
    /// # Errors
    /// If it is missing, was modified, or cannot be linked.
    pub fn link_to(&self, id: ObjectId, path: &Path) -> Result<(), StoreError> {
        self.verify(id)?;
        fs::hard_link(self.path(id), path).map_err(|error| written(path, Some(0), error))
    }
}

/// The directory with one worker's objects, removed on drop: mapped files stay mapped.
#[derive(Debug)]
pub struct View {
    path: PathBuf,
    names: Mutex<HashMap<String, ObjectId>>,
}

impl View {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Checks that a name is a plain file name: no separators, no leading `.`, no control characters.
pub(super) fn check_name(name: &str) -> Result<(), StoreError> {
    let good = (1..=NAME).contains(&name.len())
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c.is_control());
    match good {
        true => Ok(()),
        false => Err(StoreError::BadName(name.chars().take(NAME).collect())),
    }
}
