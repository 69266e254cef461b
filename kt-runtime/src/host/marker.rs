//! Whether the service's last host ended in order. One that is killed takes its worker along and can tell nobody: the next
//! host does.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A file in the service's directory that is there from a worker's first generation to the host's orderly end.
#[derive(Debug)]
pub struct Marker(PathBuf);

impl Marker {
    pub fn new(directory: &Path) -> Self {
        Self(directory.join("serving"))
    }

    /// Whether somebody's state would be lost, or was.
    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// There is state from here on.
    pub fn set(&self) {
        // On a full disk a later loss goes unsaid; that is no reason not to serve.
        let _ = File::create(&self.0);
    }

    /// The state has ended, and whoever wanted to know does.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.0);
    }
}
