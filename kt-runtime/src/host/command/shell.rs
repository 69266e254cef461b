//! Which shell there is.

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

/// Looked for if `SHELL` names none, the most comfortable first.
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

/// A folder with a shell that was shipped, and a link for each command that it has.
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
    /// Sets the folder up, once for each object.
    ///
    /// # Errors
    /// If the store lacks the object, or it is no busybox.
    pub fn set_up(store: &Store, directory: &Path, id: ObjectId) -> Result<Self, SetUpError> {
        let folder = directory.join("tools").join(id.to_string());
        let shipped = Self { folder };
        if shipped.shell().exists() {
            return Ok(shipped);
        }
        let words =
            |error: io::Error| SetUpError::Failed(format!("{}: {error}", shipped.folder.display()));
        // Complete under another name first: one that was interrupted is not taken for it.
        let unfinished = shipped.folder.with_extension("new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(words(error)),
            _ => {}
        }
        fs::create_dir_all(&unfinished).map_err(words)?;
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
            .map_err(words)?;
        for name in String::from_utf8_lossy(&listed.stdout).lines() {
            // Its own name is the file.
            if name != "busybox" && !name.contains('/') && !name.is_empty() {
                std::os::unix::fs::symlink("busybox", unfinished.join(name)).map_err(words)?;
            }
        }
        if !unfinished.join("sh").exists() {
            return Err(SetUpError::Failed("it has no `sh`".to_owned()));
        }
        fs::rename(&unfinished, &shipped.folder).map_err(words)?;
        Ok(shipped)
    }

    pub fn shell(&self) -> PathBuf {
        self.folder.join("sh")
    }

    /// `PATH` with its commands behind all others.
    pub fn path(&self, path: Option<&OsStr>) -> OsString {
        let mut all = path.unwrap_or_default().to_owned();
        if !all.is_empty() {
            all.push(":");
        }
        all.push(&self.folder);
        all
    }
}
