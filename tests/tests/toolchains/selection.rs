//! The ways to select a toolchain: each leads to the one that cargo itself would use.

use std::{fs, os::unix::fs::PermissionsExt};

use tests::{Fixture, Project};

/// A rustc that also prints its call to a file, for the sysroot of the real one.
fn logging_rustc(project: &Project, name: &str) -> String {
    let file = project.private().join(name);
    let log = project.private().join("log");
    let text = format!(
        "#!/bin/sh\necho \"$*\" >>{}\nexec rustc \"$@\"\n",
        log.display()
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}

fn is_called(project: &Project) -> bool {
    let log = fs::read_to_string(project.private().join("log")).unwrap_or_default();
    let _ = fs::remove_file(project.private().join("log"));
    log.contains("-vV")
}

#[test]
fn the_compiler_of_cargos_configuration_is_used() {
    let mut project = Project::of(Fixture::ONE);
    let rustc = logging_rustc(&project, "rustc-logged");
    project.write(
        ".cargo/config.toml",
        &format!("[build]\nrustc = {rustc:?}\n"),
    );
    project.run().success().prints("hello Alice, visit 1");
    assert!(is_called(&project));

    project.write(".cargo/config.toml", "");
    project.run().success().prints("hello Alice, visit 2");
    assert!(!is_called(&project));

    project.environment("RUSTC", rustc);
    project.run().success().prints("hello Alice, visit 3");
    assert!(is_called(&project));
}

#[test]
fn compilation_that_is_not_incremental_because_of_ci_is_noted() {
    let mut project = Project::of(Fixture::ONE);
    // cargo 1.99 does this itself where CI is set.
    project.append("Cargo.toml", "\n[profile.dev]\nincremental = false\n");
    let note = "incremental compilation is off";
    project.run().success().does_not_report(note);
    project.environment("CI", "true");
    project.run().success().says(note);
    project.environment("CARGO_INCREMENTAL", "1");
    project.run().success().does_not_report(note);
}
