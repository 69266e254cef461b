//! Socket and cache directories with foreign files or unsafe modes.

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
fn stray_file_in_the_runtime_directory_is_not_a_service() {
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
fn directory_open_to_others_is_refused_with_the_chmod_to_run() {
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
    assert_eq!(mode, 0o700, "the services' files are private");
}
