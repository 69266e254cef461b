//! Places for projects whose dependencies stay compiled from one test to the next, and from one test run to the next.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::{Fixture, cargo_kt::checkout, fixture::command};

/// The target that kt builds for: this machine's.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Slots whose dependencies this process has brought up to date.
static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory that one test has for itself.
#[derive(Debug)]
pub(crate) struct Slot {
    directory: PathBuf,
    /// Held as long as the test runs.
    _lock: File,
}

impl Slot {
    /// The first slot for this fixture that no other test has: tests that run at the same time take several.
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

    /// Where the fixture's copy is.
    pub(crate) fn project(&self) -> PathBuf {
        self.directory.join("project")
    }

    /// Brings the slot to where a developer is who has compiled the dependencies and nothing of the workspace.
    fn prepare(&self, fixture: Fixture) {
        let project = self.project();
        fixture.sources(&project);
        let compiled = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if !compiled().contains(&self.directory) || !project.join("target/kt").exists() {
            compile(fixture, &project);
            compiled().insert(self.directory.clone());
        }
        clean(fixture, &project);
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

/// Removes all that was made of the workspace's own crates, by cargo and by kt.
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
        // Without it, only what was built for the host is removed.
        clean.args(triple.iter().flat_map(|triple| ["--target", triple]));
        let cleaned = clean.output().expect("cargo runs");
        assert!(cleaned.status.success(), "{cleaned:?}");
    }
    // The records tell kt how the dependencies were compiled, and the wrapper's path is in their names.
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
        removed.expect("what a test leaves can be removed");
    }
}

/// Where slots lie: outside of the checkout, whose `.cargo/config.toml` is no business of a fixture's, and apart from those
/// of other checkouts.
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

/// The file in a directory of slots that names the checkout whose tests made it.
const OWNER: &str = "checkout";

/// Removes the slots of checkouts that are gone: each checkout's take up to 20 GB.
fn remove_abandoned(prefix: &str) {
    for entry in fs::read_dir("/tmp").expect("/tmp can be read").flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let owner = fs::read(entry.path().join(OWNER));
        if let (true, Ok(owner)) = (is_ours, owner)
            && !Path::new(OsStr::from_bytes(&owner)).exists()
        {
            // Another test process may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
