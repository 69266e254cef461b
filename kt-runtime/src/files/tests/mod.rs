//! Both ends of a copy, connected in memory.

mod broken;
mod targets;
mod trees;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    thread,
};

use tempfile::TempDir;

use super::{Copied, Side, Watch, peer::pair, receive, send};
use crate::wire::files::{Hash, Plan, Problem, Why};

/// The events that one end reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Events {
    planned: Plan,
    carried: u64,
    done: u64,
    arrived: Vec<PathBuf>,
    problems: Vec<(Side, PathBuf, Why)>,
}

impl Events {
    fn whys(&self) -> Vec<Why> {
        self.problems.iter().map(|(.., why)| why.clone()).collect()
    }
}

impl Watch for Events {
    fn planned(&mut self, plan: &Plan) {
        self.planned = plan.clone();
    }

    fn moved(&mut self, bytes: u64, carried: bool) {
        self.done += bytes;
        self.carried += if carried { bytes } else { 0 };
    }

    fn arrived(&mut self, path: &OsStr, _: u64, _: &Hash) {
        self.arrived.push(path.into());
    }

    fn problem(&mut self, side: Side, problem: Problem) {
        self.problems.push((side, problem.path.into(), problem.why));
    }
}

/// Copies, and compares the reports of both ends.
#[track_caller]
fn copy(sources: &[&Path], target: &Path) -> (Copied, Events) {
    let (near, far) = pair();
    let sources: Vec<_> = sources.iter().map(|it| it.to_path_buf()).collect();
    let sending = thread::spawn(move || {
        let mut events = Events::default();
        (send(&sources, false, near, &mut events), events)
    });
    let mut events = Events::default();
    let received = receive(target, far, &mut events);
    let (sent, sender_events) = sending.join().expect("it does not panic");
    assert_eq!(sent, received);
    assert_eq!(sender_events.problems, events.problems);
    assert_eq!(sender_events.arrived.len(), events.arrived.len());
    assert_eq!(
        (sender_events.carried, sender_events.done),
        (events.carried, events.done)
    );
    (received, events)
}

/// Copies without a problem.
#[track_caller]
fn copy_all(sources: &[&Path], target: &Path) -> Events {
    let (copied, events) = copy(sources, target);
    copied.expect("both ends complete");
    assert_eq!(events.problems, []);
    assert_eq!(events.done, events.planned.bytes);
    events
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[track_caller]
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a parent folder")).expect("it can be created");
    fs::write(path, bytes).expect("it can be written");
}

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// The names in a folder, including hidden ones.
fn names(folder: &Path) -> Vec<String> {
    let inner = fs::read_dir(folder).expect("it can be listed");
    let name = |it: Result<fs::DirEntry, _>| it.expect("it can be listed").file_name();
    let mut names: Vec<_> = inner
        .map(|it| name(it).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
