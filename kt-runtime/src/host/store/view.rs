use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    Store, StoreError,
    error::{failed, written},
};
use crate::wire::{ObjectId, manifest::Manifest};

/// Longest name of an object, bytes; a file system takes 255.
pub(super) const NAME: usize = 200;

impl Store {
    /// A directory for the objects of one worker. One for each, because the dynamic linker takes a name it has seen for the
    /// file it has seen, for as long as the process lives.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn view(&self, instance: u64) -> Result<View, StoreError> {
        let path = self.loaded.join(instance.to_string());
        fs::create_dir(&path).map_err(|error| failed("create", &path, error))?;
        Ok(View {
            path,
            names: Mutex::default(),
        })
    }

    /// As [`link`](Self::link) for a new worker, which has nothing mapped yet: everything that it will execute is checked
    /// first.
    ///
    /// # Errors
    /// As there, or if an object is not what it was.
    pub fn link_anew(&self, manifest: &Manifest, view: &View) -> Result<(), StoreError> {
        for object in manifest.objects() {
            self.verify(object.id)?;
        }
        self.link(manifest, view)
    }

    /// Puts the objects of `manifest` into a worker's directory under their names.
    ///
    /// # Errors
    /// If a name is none, the worker has another object of that name, or an object is not in the store or not what it was.
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

    /// Puts one object somewhere else under a name of its own.
    ///
    /// # Errors
    /// If it is not in the store, not what it was, or something has that name.
    pub fn link_file(&self, id: ObjectId, path: &Path) -> io::Result<()> {
        self.verify(id).map_err(io::Error::other)?;
        fs::hard_link(self.path(id), path)
    }
}

/// The directory with one worker's objects, removed when it is dropped: what the worker has mapped stays mapped.
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

/// A file name that leads nowhere else: no separators, no `.` in front, nothing that a terminal would obey.
pub(super) fn check_name(name: &str) -> Result<(), StoreError> {
    let good = (1..=NAME).contains(&name.len())
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c.is_control());
    match good {
        true => Ok(()),
        false => Err(StoreError::BadName(name.chars().take(NAME).collect())),
    }
}
