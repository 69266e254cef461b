//! Replacing the worker: which states carry over.

use serde_json::json;
use tests::{Fixture, Project, assert_terminal};

use crate::{on_terminal, state, value, worker};

/// Manifest lines that change the base.
pub const OTHER_BASE: &str = "\n[profile.dev.package.strsim]\nopt-level = 1\n";

#[test]
fn serde_states_carry_over_and_others_are_announced_as_lost() {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    project.run_with("note hello").success();
    state(&project, ["set", "LIMIT", "11"]).success();
    state(&project, ["set", "NAME", "\"Bob\""]).success();
    let former = worker(&project);

    // A crate of the base has other flags, one state is removed, and one has a new field.
    project.append("Cargo.toml", OTHER_BASE);
    project.edit(
        "src/states.rs",
        "pub price: u32,\n",
        "pub price: u32,\n    #[serde(default)]\n    pub stock: u8,\n",
    );
    project.edit(
        "src/remote.rs",
        "Item { price }",
        "Item { price, stock: 9 }",
    );
    project.edit(
        "src/states.rs",
        "\n#[kt::state]\npub static SPARE: Mutex<Option<u8>> = Mutex::new(Some(3));\n",
        "",
    );
    let mut kept = project.kt(["run", "--keep-state", "--", "visit"]).code(101);
    // Compiled once per slot, and then reused.
    kept.stderr = kept.stderr.replace("   Compiling strsim v0.11.1\n", "");
    assert_terminal!("new_worker_keep_state", project, kept);
    assert_eq!(worker(&project), former);

    let declined = on_terminal(&project, &["run", "--", "visit"], "n").code(101);
    assert!(
        declined
            .stderr
            .contains("Continue and discard this state? [y/N]"),
        "{declined:?}"
    );
    assert!(
        declined
            .stderr
            .ends_with("error: canceled: the old worker of tester-state keeps serving\n"),
        "{declined:?}"
    );
    assert_eq!(worker(&project), former);
    assert_eq!(value(&project, "ITEMS"), json!({"apple": {"price": 3}}));

    // Without a terminal, kt reports the loss and continues.
    assert_terminal!("new_worker", project, project.run_with("visit").success());
    let second = worker(&project);
    assert_ne!(second, former);
    assert_eq!(
        value(&project, "ITEMS"),
        json!({"apple": {"price": 3, "stock": 0}})
    );
    assert_eq!(value(&project, "LIMIT"), 11);
    assert_eq!(value(&project, "NAME"), "Bob");
    state(&project, ["get", "NOTES"])
        .success()
        .prints("data: []");
    state(&project, ["ls"]).success().prints("carried over");

    // Later runs use the new worker.
    project.run_with("put plum 1").success();
    project
        .run_with("visit")
        .success()
        .does_not_report("worker");
    assert_eq!(worker(&project), second);
}

#[test]
fn confirmation_or_yes_replaces_the_worker() {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    let former = worker(&project);
    project.append("Cargo.toml", OTHER_BASE);
    on_terminal(&project, &["run", "--", "visit"], "y").success();
    let second = worker(&project);
    assert_ne!(second, former);
    assert_eq!(value(&project, "ITEMS"), json!({"apple": {"price": 3}}));

    project.edit("Cargo.toml", "opt-level = 1", "opt-level = 2");
    let unasked = project.spawn_kt_on_terminal(["run", "--yes", "--", "visit"]);
    let unasked = unasked.finish().success();
    assert!(!unasked.stderr.contains("[y/N]"), "{unasked:?}");
    assert_ne!(worker(&project), second);
    assert_eq!(value(&project, "ITEMS"), json!({"apple": {"price": 3}}));
}

#[test]
fn keep_state_refuses_a_worker_that_would_reset_a_state() {
    let project = Project::of(Fixture::ONE);
    project.run().success();
    let former = worker(&project);
    project.append("Cargo.toml", "\n[profile.dev.package.fnv]\nopt-level = 1\n");
    for (old, new) in [
        (
            "static VISITS: AtomicU64 = AtomicU64::new(0)",
            "static VISITS: Visits = Visits(AtomicU64::new(0))",
        ),
        ("VISITS.fetch_add", "VISITS.0.fetch_add"),
        (
            "#[kt::remote]",
            "struct Visits(AtomicU64);\n\n#[kt::remote]",
        ),
    ] {
        project.edit("src/main.rs", old, new);
    }
    project
        .kt(["run", "--keep-state"])
        .code(101)
        .says("it would reset states that `--keep-state` protects")
        .says("one::VISITS");
    assert_eq!(worker(&project), former);
    assert_eq!(value(&project, "VISITS"), 1);
}
