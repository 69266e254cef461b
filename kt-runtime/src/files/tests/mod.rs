//! Both ends of a copy, connected to each other in memory.

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

/// What one end said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    planned: Plan,
    carried: u64,
    done: u64,
    arrived: Vec<PathBuf>,
    problems: Vec<(Side, PathBuf, Why)>,
}

impl Told {
    fn whys(&self) -> Vec<Why> {
        self.problems.iter().map(|(.., why)| why.clone()).collect()
    }
}

impl Watch for Told {
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

/// Copies, and compares what both ends say of it.
#[track_caller]
fn copy(sources: &[&Path], target: &Path) -> (Copied, Told) {
    let (near, far) = pair();
    let sources: Vec<_> = sources.iter().map(|it| it.to_path_buf()).collect();
    let sending = thread::spawn(move || {
        let mut told = Told::default();
        (send(&sources, false, near, &mut told), told)
    });
    let mut told = Told::default();
    let received = receive(target, far, &mut told);
    let (sent, said) = sending.join().expect("it does not panic");
    assert_eq!(sent, received);
    assert_eq!(said.problems, told.problems);
    assert_eq!(said.arrived.len(), told.arrived.len());
    assert_eq!((said.carried, said.done), (told.carried, told.done));
    (received, told)
}

/// Copies without a problem.
#[track_caller]
fn copy_all(sources: &[&Path], target: &Path) -> Told {
    let (copied, told) = copy(sources, target);
    copied.expect("both ends go to the end");
    assert_eq!(told.problems, []);
    assert_eq!(told.done, told.planned.bytes);
    told
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is a folder for temporary files")
}

#[track_caller]
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
    fs::write(path, bytes).expect("it can be written");
}

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// The names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let inner = fs::read_dir(folder).expect("it can be listed");
    let name = |it: Result<fs::DirEntry, _>| it.expect("it can be listed").file_name();
    let mut names: Vec<_> = inner
        .map(|it| name(it).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
