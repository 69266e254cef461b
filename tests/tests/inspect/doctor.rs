use std::{fs, os::unix::fs::symlink};

use serde_json::Value;
use tests::{Fixture, Project};

/// A project without a cluster.
fn alone() -> Project {
    let mut project = Project::cold(Fixture::ONE);
    let none = project.private().join("no-kubeconfig");
    project.environment("KUBECONFIG", none.display());
    project
}

#[track_caller]
fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    let mut found = checks.iter().filter(|check| check["name"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {checks:#?}"))
}

#[test]
fn a_machine_that_has_what_services_need_is_well() {
    let project = alone();
    let output = project.kt(["doctor"]).success();
    for name in [
        "rustc",
        "cargo",
        "linker",
        "C compiler",
        "runtime directory",
        "cache",
    ] {
        let line = output
            .stdout
            .lines()
            .find(|line| line.contains(&format!(" {name}: ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in {output:?}"));
        assert!(line.starts_with("ok") || name == "cache", "{line}");
    }
    output.prints("kubeconfig: none");
    let checks = project
        .kt(["doctor", "--message-format", "json"])
        .success()
        .json();
    assert_eq!(check(&checks, "runtime directory")["need"], "local");
    assert!(
        check(&checks, "runtime directory")["found"]
            .as_str()
            .is_some_and(|it| it.ends_with("mode 0700"))
    );
}

#[test]
fn what_is_missing_for_services_here_is_an_error_and_says_what_to_do() {
    let mut project = alone();
    // The toolchain, and no C compiler.
    let tools = project.private().join("tools");
    fs::create_dir(&tools).expect("it is new");
    let path = std::env::var_os("PATH").expect("there is one");
    for name in ["cargo", "rustc"] {
        let mut found = std::env::split_paths(&path).map(|directory| directory.join(name));
        let found = found.find(|file| file.is_file()).expect("it is installed");
        symlink(found, tools.join(name)).expect("it is new");
    }
    let kt = tests::cargo_kt().display();
    project.environment("PATH", format!("{kt}:{}", tools.display()));
    let output = project.kt(["doctor"]).code(1);
    output
        .prints("error    C compiler: `cc` not found in PATH\n         help: install one")
        .prints("warning  gdb: `gdb` not found in PATH");
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_that_services_here_do_not_mind() {
    let mut project = alone();
    let kubeconfig = kubeconfig(&project);
    project.environment("KUBECONFIG", kubeconfig);
    let checks = project
        .kt(["doctor", "--message-format", "json"])
        .success()
        .json();
    let cluster = check(&checks, "cluster");
    assert_eq!(
        (&cluster["level"], &cluster["need"]),
        (&"error".into(), &"kubernetes".into())
    );
    assert!(cluster["help"].is_string(), "{cluster:#}");
}

/// A kubeconfig with credentials, whose cluster does not exist.
fn kubeconfig(project: &Project) -> String {
    let path = project.private().join("kubeconfig");
    let text = "\
apiVersion: v1
kind: Config
current-context: dev
clusters: [{name: one, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: dev, context: {cluster: one, user: alice}}]
users: [{name: alice, user: {token: sekrit-token, username: sekrit-user, password: sekrit-password}}]
";
    fs::write(&path, text).expect("it can be written");
    path.display().to_string()
}

#[test]
fn a_bundle_has_what_a_report_needs_and_no_secrets() {
    let mut project = Project::of(Fixture::ONE);
    let kubeconfig = kubeconfig(&project);
    project.environment("KUBECONFIG", kubeconfig);
    project.environment("DATABASE_URL", "postgres://alice:sekrit-variable@db/app");
    project.environment("KT_ENV", "GREETING=sekrit-option");
    project.edit(
        "src/main.rs",
        "let visit =",
        "println!(\"sekrit-output\");\n    let visit =",
    );
    project.run().success().prints("sekrit-output");
    let file = project.private().join("bundle.zip");
    let path = file.display().to_string();
    project
        .kt(["doctor", "--bundle", &path])
        .success()
        .says("Wrote");
    // Nothing in it is compressed.
    let bytes = fs::read(&file).expect("it was written");
    let text = String::from_utf8_lossy(&bytes);
    for part in [
        "checks.json",
        "versions.json",
        "services.json",
        "tester-one",
        "https://127.0.0.1:1",
        "host.log",
    ] {
        assert!(text.contains(part) || part == "no {part} in it");
    }
    for secret in ["sekrit", "alice"] {
        assert!(!text.contains(secret), "{secret} is in it:\n{text}");
    }
    project
        .kt(["doctor", "--bundle", &path])
        .code(101)
        .says("failed to write");
}
