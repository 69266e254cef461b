//! The directory of a tunnel: its socket, its lock, and the record of its service.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::place::{Connected, Dirs, PlaceName, dirs::SOCKET_PATH};

/// The service behind a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub service: String,
    pub context: String,
    pub namespace: String,
    pub workspace: String,
    /// Hash of the options that the pod was made with.
    pub options: String,
}

impl Record {
    /// Sets the place of a connection through the tunnel.
    pub fn place(&self, connected: Connected) -> Connected {
        let place = PlaceName::Kubernetes {
            context: self.context.clone(),
            namespace: self.namespace.clone(),
        };
        Connected { place, ..connected }
    }
}

/// The directory of one tunnel.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory for a service in a cluster. `cluster` identifies the cluster and its user.
    pub fn of(dirs: &Dirs, cluster: &str, namespace: &str, service: &str) -> Self {
        let hash = blake3::hash(format!("{cluster}\n{namespace}\n{service}").as_bytes());
        // Short, because a socket path has at most 107 bytes.
        Self(Self::all(dirs).join(&hash.to_hex()[..16]))
    }

    /// The directories and records of all tunnels, running or not.
    pub fn list(dirs: &Dirs) -> Vec<(Self, Record)> {
        let Ok(entries) = fs::read_dir(Self::all(dirs)) else {
            return Vec::new();
        };
        let found = entries.flatten().filter_map(|entry| {
            let directory = Self(entry.path());
            let record = directory.record()?;
            Some((directory, record))
        });
        found.collect()
    }

    /// The name is not a DNS label, so no service has it.
    fn all(dirs: &Dirs) -> PathBuf {
        dirs.runtime.join(".tunnels")
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn socket(&self) -> PathBuf {
        socket(&self.0)
    }

    pub fn record(&self) -> Option<Record> {
        let bytes = fs::read(self.0.join("service.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Creates the directory, accessible to this user alone, and writes the record.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn create(&self, record: &Record) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let length = self.socket().as_os_str().len();
        if length > SOCKET_PATH {
            return Err(io::Error::other(format!(
                "the socket path has {length} bytes, but Linux allows {SOCKET_PATH}: set KT_RUNTIME_DIR to a shorter directory"
            )));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let (file, temporary) = (self.0.join("service.json"), self.0.join("service.new"));
        fs::write(&temporary, serde_json::to_vec(record)?)?;
        fs::rename(temporary, file)
    }
}

pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join("socket")
}

pub(super) fn lock(directory: &Path) -> PathBuf {
    directory.join("lock")
}
