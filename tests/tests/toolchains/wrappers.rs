//! The user's wrappers of rustc are used as cargo uses them.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use tests::{Fixture, Project};

/// A program that prints which of the wrappers compiled it.
const MAIN: &str = r#"
#![allow(unexpected_cfgs)]

#[kt::remote]
fn wrapped() -> String {
    format!("every={} members={} edit=1", cfg!(every), cfg!(members))
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    println!("{}", wrapped().await?);
    Ok(())
}
"#;

/// A wrapper that adds a cfg, and logs the crates that it compiles.
fn wrapper(project: &Project, cfg: &str) -> PathBuf {
    let file = project.private().join(cfg);
    let text = format!(
        "#!/bin/sh\necho \"$*\" >>{file}.log\nexec \"$@\" --cfg {cfg}\n",
        file = file.display()
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// How often a wrapper was called for this crate since the last question.
fn calls(project: &Project, cfg: &str, krate: &str) -> usize {
    let log = project.private().join(format!("{cfg}.log"));
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    let name = format!("--crate-name {krate} ");
    text.lines().filter(|line| line.contains(&name)).count()
}

#[test]
fn both_wrappers_compile_members_at_builds_and_at_edits() {
    let mut project = Project::of(Fixture::ONE);
    project.write("src/main.rs", MAIN);
    project
        .run()
        .success()
        .prints("every=false members=false edit=1");

    let members = wrapper(&project, "members");
    project.environment("RUSTC_WORKSPACE_WRAPPER", members.display());
    project
        .run()
        .success()
        .prints("every=false members=true edit=1");
    assert!(calls(&project, "members", "one") > 0);

    // cargo does not recompile what another `rustc-wrapper` compiled.
    let every = wrapper(&project, "every");
    project.write(
        ".cargo/config.toml",
        &format!("[build]\nrustc-wrapper = {every:?}\n"),
    );
    let plain = project.cargo_run().success();
    plain.prints("every=true members=true edit=1");
    project.edit("src/main.rs", "edit=1", "edit=2");
    project
        .run()
        .success()
        .prints("every=true members=true edit=2");
    assert!(calls(&project, "every", "one") > 0);

    // Without cargo.
    project.edit("src/main.rs", "edit=2", "edit=3");
    project
        .run()
        .success()
        .prints("every=true members=true edit=3");
    assert_eq!(calls(&project, "every", "one"), 1);

    project.environment("RUSTC_WORKSPACE_WRAPPER", "");
    project
        .run()
        .success()
        .prints("every=true members=false edit=3");
    assert_eq!(calls(&project, "every", "one"), 1);
    project.environment("RUSTC_WRAPPER", "");
    project.edit("src/main.rs", "edit=3", "edit=4");
    project
        .run()
        .success()
        .prints("every=false members=false edit=4");
    assert_eq!(calls(&project, "every", "one"), 0);
}

#[test]
fn third_party_crates_are_compiled_by_the_wrapper_of_every_crate() {
    let mut project = Project::cold(Fixture::ONE);
    let every = wrapper(&project, "every");
    let members = wrapper(&project, "members");
    project.environment("RUSTC_WRAPPER", every.display());
    project.environment("RUSTC_WORKSPACE_WRAPPER", members.display());
    project.run().success().prints("hello Alice, visit 1");
    let log = |name: &str| fs::read_to_string(project.private().join(name)).unwrap();
    assert!(log("every.log").contains("--crate-name tokio "));
    assert!(log("every.log").contains("--crate-name one "));
    assert!(!log("members.log").contains("--crate-name tokio "));
    assert!(log("members.log").contains("--crate-name one "));
}

#[test]
fn a_missing_wrapper_is_cargos_error() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("RUSTC_WRAPPER", "no-such-wrapper");
    let output = project.run().code(101);
    output.says("no-such-wrapper");
}
