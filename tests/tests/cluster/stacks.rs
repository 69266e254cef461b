//! Stacks and profiles in a pod without privileges: the host traces its own child, and this machine
//! resolves the symbols.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{
    Fixture, Project,
    cluster::{Namespace, image},
};

/// How long a call may take to reach the place where it waits.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Prints the stacks until each of these functions is in its place.
fn places(project: &Project, wanted: &[(&str, &str)]) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let stacks = project.kt(["stack", "--message-format", "json"]);
        let stacks = stacks.success().json();
        let is_there = |(function, place): &(&str, &str)| {
            let mut calls = stacks.iter();
            calls.any(|call| call["function"] == *function && call["place"] == *place)
        };
        if wanted.iter().all(is_there) {
            return stacks;
        }
        assert!(begun.elapsed() < TIMEOUT, "{wanted:?}: {stacks:#?}");
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn stack_and_profile_work_in_a_restricted_pod() {
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
    let stacks = places(&project, &wanted);
    let threads = stacks
        .iter()
        .filter(|line| line["reason"] == "kt-stack-thread");
    assert!(threads.clone().count() > 3, "{stacks:#?}");
    let whole = threads.filter(|thread| thread["call"].is_u64());
    assert!(
        whole.clone().all(|thread| thread["whole"] == true),
        "{stacks:#?}"
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
