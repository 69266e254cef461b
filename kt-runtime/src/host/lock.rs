//! One host per service: a file that is locked (`flock(2)`) while the host runs, and contains the
//! host's process id.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

/// The lock, held until it is dropped or the process exits.
#[derive(Debug)]
pub struct ServiceLock {
    file: File,
    path: PathBuf,
}

/// The result of trying to take the lock.
#[derive(Debug)]
pub enum TryLock {
    Held(ServiceLock),
    /// Another process holds it; its id, if it has been written already.
    Taken(Option<u32>),
}

impl ServiceLock {
    /// Takes the lock if no other process holds it.
    ///
    /// # Errors
    /// If the file cannot be created or locked.
    pub fn try_acquire(path: &Path) -> io::Result<TryLock> {
        loop {
            // A process that cleans up after a dead host may remove the directory at any time
            // before this one holds the lock.
            if let Some(directory) = path.parent() {
                private_directory(directory)?;
            }
            let opened = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path);
            let mut file = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    file.read_to_string(&mut text)?;
                    return Ok(TryLock::Taken(text.trim().parse().ok()));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The former holder may have removed the file between the open and the lock: then this
            // lock is void.
            if !same_file(&file, path) {
                continue;
            }
            let path = path.to_owned();
            return Ok(TryLock::Held(Self { file, path }));
        }
    }

    /// Writes this process's id to the file, so that others can find the host. Skipped when locking
    /// only to clean up.
    ///
    /// # Errors
    /// If the file cannot be written to.
    pub fn claim(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file
            .write_all(std::process::id().to_string().as_bytes())
    }

    /// Removes the file and releases the lock.
    pub fn remove(self) {
        if same_file(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates a directory with access for this user only, unless it exists.
fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Whether a process has the file at `path` open. A pid in a lock file alone proves little: it may
/// be reused after the process exits. Source: `/proc/<pid>/fd`, proc(5).
pub fn holds_open(pid: u32, path: &Path) -> bool {
    let (Ok(wanted), Ok(entries)) = (fs::metadata(path), fs::read_dir(format!("/proc/{pid}/fd")))
    else {
        return false;
    };
    entries.flatten().any(|entry| {
        fs::metadata(entry.path())
            .is_ok_and(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
    })
}

fn same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn one_process_at_a_time_holds_the_lock_and_its_id_is_known() {
        let directory = Scratch::new("lock");
        let path = directory.path().join("lock");
        let TryLock::Held(mut lock) = ServiceLock::try_acquire(&path).unwrap() else {
            panic!("a free lock was taken");
        };
        lock.claim().unwrap();
        let own = std::process::id();
        assert!(holds_open(own, &path));
        // flock belongs to the open file: a second open in this process is another holder.
        assert!(matches!(
            ServiceLock::try_acquire(&path).unwrap(),
            TryLock::Taken(Some(pid)) if pid == own
        ));
        lock.remove();
        assert!(!path.exists());
        assert!(!holds_open(own, &path));
        assert!(matches!(
            ServiceLock::try_acquire(&path).unwrap(),
            TryLock::Held(_)
        ));
    }
}
