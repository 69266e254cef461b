//! States while calls use them.

use std::{fs, process::Command};

use serde_json::json;
use tests::{Fixture, Project, assert_terminal};

use crate::{state, value};

#[test]
fn command_for_a_hung_worker_says_what_it_waits_for() {
    let project = Project::of(Fixture::STATE);
    project.run_with("visit").success();
    let (_host, worker) = project.processes();
    worker.signal(libc::SIGSTOP);
    let waiting = project.spawn_kt(["state", "get", "VISITS"]);
    waiting.wait_for_error("waiting for tester-state: its worker does not respond");
    // It continues once the worker does.
    worker.signal(libc::SIGCONT);
    waiting.finish().success().prints("1");
}

#[test]
fn lock_timeouts_of_commands_and_swaps_name_the_call() {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    assert_eq!(driver.ask("hold"), "held");

    assert_terminal!(
        "get_busy",
        project,
        state(&project, ["get", "ITEMS"]).code(101)
    );
    let refused = state(&project, ["set", "ITEMS", "{}"]).code(101);
    assert_terminal!("set_busy", project, refused);
    state(&project, ["set", "RATE", "2"]).success();
    let refused = state(&project, ["clear", "RATE", "ITEMS"]).code(101);
    assert_terminal!("clear_busy", project, refused);
    assert_eq!(value(&project, "RATE"), 2.0, "all or none");
    // The size of a locked value cannot be measured.
    state(&project, ["ls"]).success().prints("states::ITEMS");

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
    let short_timeout = ["run", "--state-timeout", "100ms", "--", "visit"];
    assert_terminal!("swap_busy", project, project.kt(short_timeout).code(101));

    assert_eq!(driver.ask("release"), "released");
    driver.finish().success();
    project
        .run_with("visit")
        .success()
        .says("Migrated state::states::ITEMS");
    assert_eq!(
        value(&project, "ITEMS"),
        json!({"apple": {"price": 3, "stock": 0}})
    );
    progress(&project);
}

fn progress(project: &Project) {
    let pipe = project.private().join("pipe");
    let created = Command::new("mkfifo").arg(&pipe).status();
    assert!(created.expect("mkfifo runs").success());
    state(project, ["set", "SLOW", &json!(pipe).to_string()]).success();
    project.edit(
        "src/states.rs",
        "#[kt::state]\npub static SLOW",
        "#[kt::state(version = 2)]\npub static SLOW",
    );
    let long_timeout = ["run", "--state-timeout", "10m", "--", "visit"];
    let run = project.spawn_kt_on_terminal(long_timeout);
    run.wait_for_error("Migrating state::states::SLOW (0 B)");
    // Opening it for writing unblocks its reader.
    fs::write(&pipe, "").expect("it can be written");
    let output = run.finish().success();
    assert!(
        output.stderr.contains("Migrated state::states::SLOW"),
        "{output:?}"
    );
    assert_eq!(value(project, "SLOW"), json!(null));
}

#[test]
fn values_are_consistent_while_calls_change_them() {
    let project = Project::of(Fixture::STATE);
    project.run_with("visit").success();
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver.ask("storm");
    for round in 0..12 {
        let pair = value(&project, "PAIR");
        assert_eq!(pair[0], pair[1]);
        match round % 3 {
            0 => state(&project, ["set", "PAIR", "[1000000, 1000000]"]).success(),
            1 => state(&project, ["clear", "PAIR"]).success(),
            _ => state(&project, ["reset", "--yes"]).success(),
        };
    }
    assert_eq!(
        driver.ask("calm"),
        "true calls, 0 saw a pair that was not one"
    );
    driver.finish().success();
}
