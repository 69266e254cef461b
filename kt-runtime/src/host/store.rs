//! Objects by the hash of their content, and the directories in which a worker finds a generation's under their names.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::wire::{ObjectId, limits, manifest::Manifest};

/// Longest name of an object, bytes; a file system takes 255.
const NAME: usize = 200;
/// How long an object waits for the swap that it was uploaded for. A larger base over a slow line takes minutes.
const WANTED: Duration = Duration::from_secs(600);

/// The store of one service.
#[derive(Debug)]
pub struct Store {
    objects: PathBuf,
    loaded: PathBuf,
    uploads: AtomicU64,
    /// Asked for or uploaded, and when: somebody is about to swap to them.
    wanted: Mutex<HashMap<ObjectId, Instant>>,
}

/// Why the store does not take an object or cannot give one.
#[derive(Debug)]
pub enum StoreError {
    WrongHash {
        expected: ObjectId,
        found: ObjectId,
    },
    TooLarge {
        limit: u64,
    },
    /// `needed`: bytes that found no room, if the length was announced.
    Full {
        path: PathBuf,
        needed: Option<u64>,
    },
    BadName(String),
    /// One worker already has another object of this name.
    NameTaken(String),
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongHash { expected, found } => write!(
                f,
                "the bytes of object {expected} hash to {found}: the file changed while it was sent"
            ),
            Self::TooLarge { limit } => write!(f, "the object has more than {limit} bytes"),
            Self::Full { path, needed } => {
                write!(f, "no space left on the device of {}", path.display())?;
                match needed {
                    Some(bytes) => write!(f, ": {bytes} more bytes are needed"),
                    None => Ok(()),
                }
            }
            Self::BadName(name) => write!(f, "{name:?} is no name for an object"),
            Self::NameTaken(name) => write!(
                f,
                "the worker already has another object named {name}, and the dynamic linker would take that one"
            ),
            Self::Io { doing, path, error } => {
                write!(f, "failed to {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

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

    /// Begins to take an object. `announced` is its length as the peer says, if it does.
    ///
    /// # Errors
    /// If it is too large or no file can be made.
    pub fn upload(&self, id: ObjectId, announced: Option<u64>) -> Result<Upload, StoreError> {
        if announced.is_some_and(|length| length > limits::OBJECT) {
            return Err(StoreError::TooLarge {
                limit: limits::OBJECT,
            });
        }
        self.wanted().insert(id, Instant::now());
        let number = self.uploads.fetch_add(1, Ordering::Relaxed);
        let temporary = self.objects.join(format!("upload-{number}"));
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            // The launcher is among them, and a hard link has its file's mode.
            .mode(0o700)
            .open(&temporary)
            .map_err(|error| written(&temporary, announced, error))?;
        Ok(Upload {
            id,
            announced,
            length: 0,
            hasher: blake3::Hasher::new(),
            file,
            temporary,
            place: self.path(id),
            kept: false,
        })
    }

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

    /// Puts the objects of `manifest` into a worker's directory under their names.
    ///
    /// # Errors
    /// If a name is none, the worker has another object of that name, or an object is not in the store.
    pub fn link(&self, manifest: &Manifest, view: &View) -> Result<(), StoreError> {
        let mut names = view.names.lock().unwrap_or_else(PoisonError::into_inner);
        for object in manifest.objects() {
            check_name(&object.name)?;
            match names.get(&object.name) {
                Some(id) if *id == object.id => continue,
                Some(_) => return Err(StoreError::NameTaken(object.name.clone())),
                None => {}
            }
            let path = view.path.join(&object.name);
            fs::hard_link(self.path(object.id), &path)
                .map_err(|error| written(&path, Some(0), error))?;
            names.insert(object.name.clone(), object.id);
        }
        Ok(())
    }

    /// Removes every object that is neither in `keep` nor wanted by somebody whose swap is still to come.
    pub fn prune(&self, keep: &HashSet<ObjectId>) {
        let mut wanted = self.wanted();
        wanted.retain(|id, since| !keep.contains(id) && since.elapsed() < WANTED);
        self.sweep(|id| id.is_some_and(|id| !keep.contains(&id) && !wanted.contains_key(&id)));
    }

    /// Removes all of it.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.objects);
        let _ = fs::remove_dir_all(&self.loaded);
    }

    /// Removes the files that `unwanted` says; `None` is one that is no object, as interrupted uploads leave.
    fn sweep(&self, unwanted: impl Fn(Option<ObjectId>) -> bool) {
        let Ok(entries) = fs::read_dir(&self.objects) else {
            return;
        };
        for entry in entries.flatten() {
            let id = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if unwanted(id) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, id: ObjectId) -> PathBuf {
        self.objects.join(id.to_string())
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<ObjectId, Instant>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
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

/// An object that arrives. Dropped before [`finish`](Self::finish), it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    id: ObjectId,
    announced: Option<u64>,
    length: u64,
    hasher: blake3::Hasher,
    file: File,
    temporary: PathBuf,
    place: PathBuf,
    kept: bool,
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If there are too many, or the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        if self.length > limits::OBJECT {
            return Err(StoreError::TooLarge {
                limit: limits::OBJECT,
            });
        }
        self.hasher.update(bytes);
        let before = self.length - bytes.len() as u64;
        let needed = self.announced.map(|all| all.saturating_sub(before));
        self.file
            .write_all(bytes)
            .map_err(|error| written(&self.temporary, needed, error))
    }

    /// Puts the object under its name if it is what it says.
    ///
    /// # Errors
    /// If its hash is another, or it cannot be renamed.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let found = ObjectId(*self.hasher.finalize().as_bytes());
        if found != self.id {
            return Err(StoreError::WrongHash {
                expected: self.id,
                found,
            });
        }
        fs::rename(&self.temporary, &self.place)
            .map_err(|error| written(&self.place, None, error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A file name that leads nowhere else: no separators, no `.` in front, nothing that a terminal would obey.
fn check_name(name: &str) -> Result<(), StoreError> {
    let good = (1..=NAME).contains(&name.len())
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c.is_control());
    match good {
        true => Ok(()),
        false => Err(StoreError::BadName(name.chars().take(NAME).collect())),
    }
}

fn written(path: &Path, needed: Option<u64>, error: io::Error) -> StoreError {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        return StoreError::Full {
            path: path.to_owned(),
            needed: needed.filter(|&bytes| bytes > 0),
        };
    }
    failed("write", path, error)
}

fn failed(doing: &'static str, path: &Path, error: io::Error) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn id(bytes: &[u8]) -> ObjectId {
        ObjectId(*blake3::hash(bytes).as_bytes())
    }

    fn put(store: &Store, bytes: &[u8]) -> ObjectId {
        let mut upload = store.upload(id(bytes), None).unwrap();
        upload.write(bytes).unwrap();
        upload.finish().unwrap();
        id(bytes)
    }

    fn files(store: &Store) -> usize {
        fs::read_dir(&store.objects).unwrap().count()
    }

    #[test]
    fn what_is_not_what_it_says_leaves_nothing() {
        let directory = Scratch::new("store-hash");
        let store = Store::open(directory.path()).unwrap();
        let mut upload = store.upload(id(b"right"), None).unwrap();
        upload.write(b"wrong").unwrap();
        assert!(matches!(upload.finish(), Err(StoreError::WrongHash { .. })));
        drop(store.upload(id(b"cut off"), None).unwrap());
        assert_eq!(store.missing([id(b"right")]), [id(b"right")]);
        assert_eq!(files(&store), 0);
    }

    #[test]
    fn a_full_disk_is_said_with_the_path_and_what_was_missing() {
        let directory = Scratch::new("store-full");
        let store = Store::open(directory.path()).unwrap();
        let mut upload = store.upload(id(b"x"), Some(1000)).unwrap();
        upload.write(&[0; 400]).unwrap();
        upload.file = File::options().write(true).open("/dev/full").unwrap();
        let error = upload.write(&[0; 600]).unwrap_err().to_string();
        assert!(error.contains(store.objects.to_str().unwrap()), "{error}");
        assert!(error.contains("600 more bytes are needed"), "{error}");
        drop(upload);
        assert_eq!(files(&store), 0);
    }

    #[test]
    fn objects_over_the_limit_are_refused_before_they_are_sent() {
        let directory = Scratch::new("store-large");
        let store = Store::open(directory.path()).unwrap();
        assert!(matches!(
            store.upload(id(b"x"), Some(limits::OBJECT + 1)),
            Err(StoreError::TooLarge { .. })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn pruning_spares_what_is_kept_and_what_somebody_is_about_to_use() {
        let directory = Scratch::new("store-prune");
        let store = Store::open(directory.path()).unwrap();
        let (unused, kept) = (put(&store, b"unused"), put(&store, b"kept"));
        let there = |id: ObjectId| store.path(id).exists();
        for _ in 0..3 {
            store.prune(&HashSet::from([kept]));
            assert!(there(unused) && there(kept));
        }
        tokio::time::advance(WANTED).await;
        store.prune(&HashSet::from([kept]));
        assert!(!there(unused) && there(kept));
        // Once it has been used, it goes with the last generation that needs it.
        store.prune(&HashSet::new());
        assert!(!there(kept));
    }

    #[test]
    fn objects_survive_a_host_and_half_uploads_do_not() {
        let directory = Scratch::new("store-reopen");
        let store = Store::open(directory.path()).unwrap();
        let whole = put(&store, b"whole");
        std::mem::forget(store.upload(id(b"half"), None).unwrap());
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.missing([whole]), []);
        assert_eq!(files(&store), 1);

        fs::write(directory.path().join("boot"), "another boot").unwrap();
        assert_eq!(
            Store::open(directory.path()).unwrap().missing([whole]),
            [whole]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", ".hidden", "a/b", "../x", "a\nb", "a\0b"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name(&"x".repeat(NAME + 1)).is_err());
        assert!(check_name("libkt-app-0123456789abcdef.so").is_ok());
    }
}
