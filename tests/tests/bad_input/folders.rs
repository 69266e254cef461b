//! Folders for sockets and for the cache that are not as kt makes them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use tests::{Fixture, Project};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_stray_file_beside_the_services_is_none_and_all_of_them_end() {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    let stray = project.private().join("run/notes");
    fs::write(&stray, "mine").unwrap();
    let services = project.services();
    assert_eq!(services.len(), 1, "{services:?}");
    project
        .kt(["down", "notes"])
        .code(101)
        .says("no service named `notes`");
    project.kt(["down", "--all"]).success();
    assert!(stray.exists());
    assert!(project.services().is_empty());
}

#[test]
fn a_folder_that_others_can_use_is_refused_with_the_mode_that_it_needs() {
    let project = Project::of(Fixture::ONE);
    let (run, home) = (
        project.private().join("run"),
        project.private().join("home"),
    );
    fs::create_dir(&run).unwrap();
    set_mode(&run, 0o755);
    let output = project.run().code(101);
    output.says(&format!("help: run `chmod 700 {}`", run.display()));
    set_mode(&run, 0o700);

    fs::create_dir_all(home.join("services")).unwrap();
    set_mode(&home, 0o777);
    let output = project.run().code(101);
    output
        .says("home is not safe for the cache: its mode is 0777")
        .says(&format!("help: run `chmod go-w {}`", home.display()));
    set_mode(&home, 0o755);
    project.run().success();
    let mode = fs::metadata(home.join("services")).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700, "what services keep is private");
}
