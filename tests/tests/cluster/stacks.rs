//! Stacks and profiles in a pod that has no right: the host is the worker's parent, and names come from this machine.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{
    Fixture, Project,
    cluster::{Namespace, image},
};

/// How long a call may take to get where it waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until each of these functions is in a place.
fn places(project: &Project, wanted: &[(&str, &str)]) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let look = project.kt(["stack", "--message-format", "json"]);
        let look = look.success().json();
        let is_there = |(function, place): &(&str, &str)| {
            let mut calls = look.iter();
            calls.any(|call| call["function"] == *function && call["place"] == *place)
        };
        if wanted.iter().all(is_there) {
            return look;
        }
        assert!(begun.elapsed() < PATIENCE, "{wanted:?}: {look:#?}");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_restricted_pod_without_a_shell_shows_its_stacks_and_is_profiled() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::STACKS, &image::distroless());
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    for call in ["parked", "wait", "work 600000"] {
        driver.send(call);
    }
    let wanted = [
        ("stacks::parked", "thread"),
        ("stacks::wait", "waits"),
        ("stacks::work", "thread"),
    ];
    let look = places(&project, &wanted);
    let threads = look
        .iter()
        .filter(|line| line["reason"] == "kt-stack-thread");
    assert!(threads.clone().count() > 3, "{look:#?}");
    let whole = threads.filter(|thread| thread["call"].is_u64());
    assert!(
        whole.clone().all(|thread| thread["whole"] == true),
        "{look:#?}"
    );
    project
        .kt(["stack"])
        .success()
        .prints("  * stacks::park  src/main.rs:")
        .prints("  * stacks::bell::{{closure}}  src/main.rs:");
    project
        .kt(["profile", "--seconds", "3", "-o", "found.folded"])
        .success();
    let found = project.read("found.folded");
    for function in ["stacks::much;", "stacks::little;"] {
        assert!(found.contains(function), "{function} of {found}");
    }
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    assert_eq!(driver.ask("open"), "Ok(())");
    driver.wait_for("parked: 2");
    driver.finish().success();
}
