//! Directories for projects whose dependencies stay compiled between tests and test runs.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::{Fixture, cargo_kt::checkout, fixture::command, seed::Seed};

/// The target that kt builds for: this machine's.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Slots whose dependencies this process has brought up to date.
static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory for the exclusive use of one test.
#[derive(Debug)]
pub(crate) struct Slot {
    directory: PathBuf,
    /// Locked while the test runs.
    _lock: File,
}

impl Slot {
    /// Acquires the first free slot for this fixture. Concurrent tests use several.
    pub(crate) fn acquire(fixture: Fixture) -> Self {
        let mut number = 0;
        loop {
            let directory = slots().join(format!("{}-{number}", fixture.slot));
            fs::create_dir_all(&directory).expect("/tmp can be written");
            let lock = File::create(directory.join("lock")).expect("/tmp can be written");
            match lock.try_lock() {
                Ok(()) => {
                    let slot = Self {
                        directory,
                        _lock: lock,
                    };
                    slot.prepare(fixture);
                    return slot;
                }
                Err(TryLockError::WouldBlock) => number += 1,
                Err(TryLockError::Error(error)) => panic!("{}: {error}", directory.display()),
            }
        }
    }

    /// The fixture's copy.
    pub(crate) fn project(&self) -> PathBuf {
        self.directory.join("project")
    }

    /// Resets the slot: the dependencies are compiled, and nothing of the workspace is.
    fn prepare(&self, fixture: Fixture) {
        let project = self.project();
        fixture.sources(&project);
        let compiled = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let target = project.join("target/kt");
        if !target.exists() {
            let shared = Seed::lock(slots(), fixture).expect("/tmp can be written");
            shared.copy_to(&target).expect("/tmp can be written");
            compile(fixture, &project);
            clean(fixture, &project);
            shared.add(&target).expect("/tmp can be written");
        } else {
            if !compiled().contains(&self.directory) {
                compile(fixture, &project);
            }
            clean(fixture, &project);
        }
        compiled().insert(self.directory.clone());
    }
}

fn compile(fixture: Fixture, project: &Path) {
    let private = tempfile::Builder::new()
        .prefix("kt-slot-")
        .tempdir_in("/tmp")
        .expect("/tmp can be written");
    let kt = |arguments: &[&str]| {
        let mut kt = command(project, private.path());
        kt.envs(fixture.environment.iter().copied());
        kt.arg("kt").args(arguments).output().expect("cargo runs")
    };
    let build = kt(fixture.build);
    kt(&["down", "--all"]);
    assert!(
        build.status.success(),
        "{fixture:?} does not build:\n{}",
        String::from_utf8_lossy(&build.stderr)
    );
}

/// Removes all artifacts of the workspace's own crates, of cargo and of kt.
fn clean(fixture: Fixture, project: &Path) {
    let target = project.join("target");
    for (directory, triple) in [(&target, None), (&target.join("kt"), Some(HOST))] {
        let mut clean = command(project, project);
        clean.envs(fixture.environment.iter().copied());
        clean
            .args(["clean", "--quiet", "--target-dir"])
            .arg(directory);
        for package in fixture.packages {
            clean.args(["--package", package]);
        }
        // Without it, cargo removes only artifacts for the host.
        clean.args(triple.iter().flat_map(|triple| ["--target", triple]));
        let cleaned = clean.output().expect("cargo runs");
        assert!(cleaned.status.success(), "{cleaned:?}");
    }
    // The records tell kt how the dependencies were compiled, and their names contain the wrapper's
    // path.
    let kept = ["records", "bin"];
    for entry in fs::read_dir(target.join("kt/warm")).into_iter().flatten() {
        let entry = entry.expect("the directory can be read");
        if kept.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let removed = match entry.file_type().expect("it has a type").is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
        removed.expect("a test's files can be removed");
    }
}

/// The directory of slots: outside the checkout, whose `.cargo/config.toml` must not affect
/// fixtures, and separate for each checkout.
fn slots() -> &'static Path {
    static SLOTS: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        checkout().hash(&mut hasher);
        // SAFETY: geteuid has no preconditions.
        let user = unsafe { libc::geteuid() };
        let prefix = format!("kt-fixtures-{user}-");
        remove_abandoned(&prefix);
        let slots = Path::new("/tmp").join(format!("{prefix}{:016x}", hasher.finish()));
        fs::create_dir_all(&slots).expect("/tmp can be written");
        fs::write(slots.join(OWNER), checkout().as_os_str().as_bytes())
            .expect("/tmp can be written");
        slots
    });
    &SLOTS
}

/// The file in a directory of slots with the path of its checkout.
const OWNER: &str = "checkout";

/// Removes the slots of deleted checkouts: those of one checkout take up to 20 GB.
fn remove_abandoned(prefix: &str) {
    for entry in fs::read_dir("/tmp").expect("/tmp can be read").flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let owner = fs::read(entry.path().join(OWNER));
        if let (true, Ok(owner)) = (is_ours, owner)
            && !Path::new(OsStr::from_bytes(&owner)).exists()
        {
            // Another test process may remove it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
