//! The README's installation: `cargo install`, and nothing else.

use std::{env, fs, path::Path, process::Command};

use tests::{Fixture, Project, cargo_kt, checkout, clean_environment};

/// Installs cargo-kt below `root`, reusing this checkout's target directory.
fn install(root: &Path) {
    let mut install = Command::new("cargo");
    clean_environment(&mut install);
    install
        .args([
            "install", "--quiet", "--locked", "--debug", "--path", "cargo-kt", "--root",
        ])
        .arg(root)
        .current_dir(checkout());
    let output = install.output().expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn installed_cargo_kt_runs_a_program_outside_the_checkout() {
    // Builds the crate once for this test and the others.
    cargo_kt();
    let mut project = Project::of(Fixture::ONE);
    let root = project.private().join("root");
    install(&root);
    let installed: Vec<_> = fs::read_dir(root.join("bin"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(installed, ["cargo-kt"]);

    let path = env::var("PATH").expect("PATH is set");
    project.environment("PATH", format!("{}:{path}", root.join("bin").display()));
    let output = project.run().success();
    assert_eq!(output.stdout, "hello Alice, visit 1\n", "{output:?}");
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    project.run().success().prints("good day Alice, visit 2");
    // The installed binary is the host too.
    let (host, _) = project.processes();
    let executable = fs::read_link(format!("/proc/{}/exe", host.pid)).unwrap();
    assert_eq!(executable, root.join("bin/cargo-kt"));
}
