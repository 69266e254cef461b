//! Damaged objects in the host's store.

use std::{fs, path::PathBuf};

use tests::{Fixture, Project};

use crate::assert_greets;

/// The stored objects of the project's service.
fn objects(project: &Project) -> Vec<PathBuf> {
    let folder = project.private().join("home/services/tester-one/objects");
    let entries = fs::read_dir(folder).expect("the service has a store");
    entries
        .map(|entry| entry.expect("it can be read").path())
        .collect()
}

#[test]
fn damaged_object_is_resent_before_a_new_worker_loads_it() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1).says("Shipping");
    let (_, worker) = project.processes();
    worker.signal(libc::SIGKILL);
    worker.assert_exits();
    assert_greets(&project, "hello", 1).does_not_report("Shipping");

    let (_, worker) = project.processes();
    for object in objects(&project) {
        let mut bytes = fs::read(&object).expect("it can be read");
        let last = bytes.last_mut().expect("it is not empty");
        *last ^= 1;
        // A new file: the worker keeps its mapping of the old one.
        fs::remove_file(&object).expect("it is ours");
        fs::write(&object, bytes).expect("it can be written");
    }
    worker.signal(libc::SIGKILL);
    worker.assert_exits();
    assert_greets(&project, "hello", 1).says("Shipping");
}
