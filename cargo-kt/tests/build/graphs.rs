//! Dependency graphs with patches, git and features, and concurrent builds.

use std::process::Command;

use cargo_kt::compile::How;

use crate::fixture::{Workspace, names};

fn git(workspace: &Workspace, directory: &str, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
        .args(arguments)
        .current_dir(workspace.path(directory))
        .status();
    assert!(status.unwrap().success(), "git {arguments:?}");
}

#[test]
fn base_crate_that_depends_on_a_patch_is_hot() {
    let mut workspace = Workspace::new();
    // A git repository of two crates; the workspace has its own copy of one.
    workspace.write(
        "../git/Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"upper\", \"lower\", \"other\"]\n",
    );
    workspace.package("../git/upper", "lower = { path = \"../lower\" }\n");
    workspace.package("../git/lower", "");
    workspace.package("../git/other", "");
    workspace.write(
        "../git/upper/src/lib.rs",
        "pub fn upper() -> u32 { lower::lower() }\n",
    );
    workspace.write("../git/lower/src/lib.rs", "pub fn lower() -> u32 { 1 }\n");
    workspace.write("../git/other/src/lib.rs", "");
    git(&workspace, "../git", &["init", "-q"]);
    git(&workspace, "../git", &["add", "."]);
    git(&workspace, "../git", &["commit", "-qm", "all"]);
    let url = format!(
        "file://{}",
        workspace.path("../git").canonicalize_utf8().unwrap()
    );
    workspace.package("../patched/lower", "");
    workspace.write(
        "../patched/lower/src/lib.rs",
        "pub fn lower() -> u32 { 2 }\n",
    );
    let manifest = std::fs::read_to_string(workspace.path("Cargo.toml")).unwrap();
    workspace.write(
        "Cargo.toml",
        &format!("{manifest}[patch.\"{url}\"]\nlower = {{ path = \"../patched/lower\" }}\n"),
    );
    workspace.package(
        "deep",
        &format!("upper = {{ git = \"{url}\" }}\nother = {{ git = \"{url}\" }}\n"),
    );
    workspace.write(
        "deep/src/lib.rs",
        "pub fn deep() -> u32 { upper::upper() }\n",
    );
    workspace.options.offline = false;
    // Fetch only from `file://`, into a separate CARGO_HOME.
    let home = workspace.path("../cargo-home");
    workspace.set("CARGO_HOME", home.as_str());
    let built = workspace.build();
    assert_eq!(names(&built), ["lower", "upper", "deep", "leaf", "app"]);
    assert_eq!(built.compiled.hot[4].dependencies, [0, 1, 2, 3]);
    let base: Vec<_> = built
        .compiled
        .base
        .iter()
        .map(|base| base.package.as_str())
        .collect();
    assert_eq!(base, ["kt-runtime", "other"]);
    workspace.write(
        "../patched/lower/src/lib.rs",
        "pub fn lower() -> u32 { 3 }\n",
    );
    let built = workspace.build();
    assert!(
        matches!(&built.how, How::Cargo { reason } if reason.contains("patched/lower")),
        "{:?}",
        built.how
    );
}

#[test]
fn member_kt_runtime_is_base_and_its_edits_are_detected() {
    let workspace = Workspace::new();
    workspace.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"leaf\", \"deep\", \"runtime\"]\n",
    );
    let manifest = std::fs::read_to_string(workspace.path("../kt-runtime/Cargo.toml")).unwrap();
    let manifest = manifest.replace(
        "[workspace]",
        "[dependencies]\ndeep = { path = \"../deep\" }",
    );
    workspace.write("runtime/Cargo.toml", &manifest);
    workspace.write("runtime/src/lib.rs", "pub fn kt() { deep::deep(); }\n");
    workspace.package(
        "app",
        "leaf = { path = \"../leaf\" }\nkt-runtime = { path = \"../runtime\" }\n",
    );
    let built = workspace.build();
    assert_eq!(names(&built), ["leaf", "app"]);
    let base: Vec<_> = built
        .compiled
        .base
        .iter()
        .map(|base| base.package.as_str())
        .collect();
    assert_eq!(
        base,
        ["deep", "kt-runtime"],
        "dependencies of the runtime are base too"
    );
    workspace.write_keeping_mtime("deep/src/lib.rs", "pub fn deep() -> u32 { 9 }\n");
    let built = workspace.build();
    assert!(
        matches!(&built.how, How::Cargo { reason } if reason.contains("deep/src/lib.rs")),
        "{:?}",
        built.how
    );
    assert_eq!(workspace.build().how, How::Unchanged);
}

#[test]
fn features_are_resolved_for_the_program() {
    let mut workspace = Workspace::new();
    let manifest = std::fs::read_to_string(workspace.path("app/Cargo.toml")).unwrap();
    workspace.write(
        "app/Cargo.toml",
        &format!("{manifest}[features]\nloud = []\n"),
    );
    workspace.write(
        "app/src/main.rs",
        "#[cfg(feature = \"loud\")] #[unsafe(export_name = \"kt:main\")] pub fn kt_main() { main() }\nfn main() { leaf::leaf(); }\n",
    );
    assert_eq!(names(&workspace.build()), ["deep", "leaf"]);
    workspace.options.features = vec!["loud".to_owned()];
    assert_eq!(names(&workspace.build()), ["deep", "leaf", "app"]);
    workspace.options.features.clear();
    assert_eq!(names(&workspace.build()), ["deep", "leaf"]);
}

#[test]
fn release_and_dev_do_not_mix() {
    let mut workspace = Workspace::new();
    let dev = workspace.build();
    workspace.options.release = true;
    let release = workspace.build();
    assert_eq!(
        (
            dev.compiled.profile.as_str(),
            release.compiled.profile.as_str()
        ),
        ("dev", "release")
    );
    workspace.options.release = false;
    assert_eq!(workspace.build().compiled, dev.compiled);
}

#[test]
fn concurrent_builds_wait_for_each_other() {
    let workspace = Workspace::new();
    workspace.build();
    workspace.write("deep/src/lib.rs", "pub fn deep() -> u32 { 4 }\n");
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| workspace.build());
        let two = scope.spawn(|| workspace.build());
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(one.compiled, two.compiled);
    let unchanged = [&one, &two]
        .into_iter()
        .filter(|built| built.how == How::Unchanged)
        .count();
    assert_eq!(unchanged, 1, "one compiles, the other has nothing to do");
}

#[test]
fn rustflags_with_panic_abort_are_rejected() {
    let mut workspace = Workspace::new();
    workspace.set("RUSTFLAGS", "-C panic=abort");
    let error = workspace.fail().to_string();
    assert!(
        error.contains("`-C panic=abort` is not supported"),
        "{error}"
    );
}

#[test]
fn cargo_json_messages_are_forwarded() {
    let mut workspace = Workspace::new();
    workspace.options.message_format = Some("json".to_owned());
    let (result, heard) = workspace.try_build();
    assert!(result.is_ok());
    let messages = heard.messages.into_inner().unwrap();
    assert!(
        messages
            .iter()
            .any(|line| line.contains("\"compiler-artifact\"") && line.contains("/app#0.1.0"))
    );
    assert!(messages.last().unwrap().contains("build-finished"));
}
