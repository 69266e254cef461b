//! A marker of whether the service's last host stopped in order. A killed host takes its worker
//! down and cannot report the loss: the next host does.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A file in the service's directory that exists from a worker's first generation until the host's
/// orderly exit.
#[derive(Debug)]
pub struct Marker(PathBuf);

impl Marker {
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("serving"))
    }

    /// Whether there is state, or state was lost.
    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// A worker with state exists from here on.
    pub fn set(&self) {
        // On a full disk a later loss is not reported; the host still serves.
        let _ = File::create(&self.0);
    }

    /// There is no state any more, and any loss was reported.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.0);
    }
}
