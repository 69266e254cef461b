//! Finds or sets up a shell.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    host::store::{Store, StoreError},
    wire::ObjectId,
};

/// Candidates if `SHELL` is unset or unusable, the most convenient first.
const SHELLS: [&str; 6] = [
    "/bin/bash",
    "/usr/bin/bash",
    "/bin/ash",
    "/bin/sh",
    "/usr/bin/sh",
    "/busybox/sh",
];

/// The shell of this machine or image.
pub fn installed(preferred: Option<&OsStr>) -> Option<PathBuf> {
    let preferred = preferred.map(PathBuf::from).into_iter();
    preferred
        .chain(SHELLS.map(PathBuf::from))
        .find(|path| path.is_absolute() && is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// A folder with a shipped shell, and a link for each of its commands.
#[derive(Debug)]
pub struct Shipped {
    pub folder: PathBuf,
}

/// Why a shipped shell cannot be used.
#[derive(Debug)]
pub enum SetUpError {
    NotStored,
    Failed(String),
}

impl Shipped {
    /// Sets up the folder, once for each object.
    ///
    /// # Errors
    /// If the store lacks the object, or the object is not a busybox.
    pub fn set_up(store: &Store, directory: &Path, id: ObjectId) -> Result<Self, SetUpError> {
        let folder = directory.join("tools").join(id.to_string());
        let shipped = Self { folder };
        if shipped.shell().exists() {
            return Ok(shipped);
        }
        let failed =
            |error: io::Error| SetUpError::Failed(format!("{}: {error}", shipped.folder.display()));
        // Build it under a temporary name, so that an interrupted setup is not mistaken for a
        // complete one.
        let unfinished = shipped.folder.with_extension("new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::create_dir_all(&unfinished).map_err(failed)?;
        let busybox = unfinished.join("busybox");
        if !store.missing([id]).is_empty() {
            return Err(SetUpError::NotStored);
        }
        store.link_to(id, &busybox).map_err(|error| match error {
            StoreError::Damaged { .. } => SetUpError::NotStored,
            error => SetUpError::Failed(error.to_string()),
        })?;
        let listed = Command::new(&busybox)
            .arg("--list")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(failed)?;
        for name in String::from_utf8_lossy(&listed.stdout).lines() {
            // The file itself has this name.
            if name != "busybox" && !name.contains('/') && !name.is_empty() {
                std::os::unix::fs::symlink("busybox", unfinished.join(name)).map_err(failed)?;
            }
        }
        if !unfinished.join("sh").exists() {
            return Err(SetUpError::Failed(
                "the shipped busybox has no `sh`".to_owned(),
            ));
        }
        fs::rename(&unfinished, &shipped.folder).map_err(failed)?;
        Ok(shipped)
    }

    pub fn shell(&self) -> PathBuf {
        self.folder.join("sh")
    }

    /// `PATH` with the shipped commands after all others.
    pub fn path(&self, path: Option<&OsStr>) -> OsString {
        let mut all = path.unwrap_or_default().to_owned();
        if !all.is_empty() {
            all.push(":");
        }
        all.push(&self.folder);
        all
    }
}
