//! The ways to select a toolchain: each leads to the one that cargo itself would use.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use tests::{Fixture, Project, cargo_kt, toolchain};

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

#[test]
fn the_compiler_that_is_configured_as_linker_locates_the_c_library() {
    let mut project = Project::of(Fixture::ONE);
    // A machine without `cc`, as with clang alone.
    let bin = project.private().join("bin");
    fs::create_dir(&bin).unwrap();
    let find = |tool: &str| {
        let path = std::env::var_os("PATH").unwrap();
        let mut files = std::env::split_paths(&path).map(|directory| directory.join(tool));
        files.find(|file| file.is_file()).unwrap()
    };
    symlink(find("cc"), bin.join("my-compiler")).unwrap();
    let rust = toolchain::sysroot().join("bin");
    let path = std::env::join_paths([cargo_kt(), &rust, &bin]);
    project.environment("PATH", path.unwrap().to_str().unwrap());
    project.run().code(101).says("C compiler `cc` not found");
    let linker = bin.join("my-compiler");
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    project.write(
        ".cargo/config.toml",
        &format!("[target.{host}]\nlinker = {linker:?}\n"),
    );
    project.run().success().prints("hello Alice, visit 1");
}
