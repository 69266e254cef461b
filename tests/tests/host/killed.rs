//! Hosts that are killed.

use tests::{Fixture, Project};

use crate::{assert_greets, assert_state_was_lost};

#[test]
fn killed_host_takes_its_worker_down_and_the_next_run_reports_it() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1).does_not_report("lost");
    assert_greets(&project, "hello", 2);
    let (host, worker) = project.processes();
    host.signal(libc::SIGKILL);
    host.assert_exits();
    worker.assert_exits();
    assert_state_was_lost(&project);
    assert_ne!(project.processes().0.pid, host.pid);
}

#[test]
fn lost_state_is_reported_after_a_kill_but_not_after_down() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let (host, worker) = project.processes();
    host.signal(libc::SIGKILL);
    host.assert_exits();
    worker.assert_exits();
    assert_eq!(project.services(), [""; 0]);
    assert_state_was_lost(&project);

    project.kt(["down", "--all"]).success();
    assert_greets(&project, "good day", 1).does_not_report("lost");
}

#[test]
fn call_in_flight_when_the_host_is_killed_is_a_typed_error() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("pids");
    let (host, worker) = project.processes();
    driver.send("timeout 600000");
    driver.wait_for("waiting for ever");
    host.signal(libc::SIGKILL);
    worker.assert_exits();
    let answer = driver.wait_for("timeout 600000: ");
    assert!(
        answer.contains("ConnectionLost: ") && answer.contains("wait_for_ever"),
        "{answer}"
    );
    let answer = driver.ask("pids");
    assert!(
        answer.starts_with("Unavailable: ") && answer.contains("run the program again"),
        "{answer}"
    );
    driver.finish().success();
}

#[test]
fn call_after_host_death_names_only_that_cause() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("pids");
    let (host, worker) = project.processes();
    host.signal(libc::SIGKILL);
    host.assert_exits();
    worker.assert_exits();
    // The first call finds its connection broken.
    driver.ask("pids");
    let answer = driver.ask("pids");
    assert!(answer.contains("its host died"), "{answer}");
    assert!(!answer.contains("TTL"), "{answer}");
    driver.finish().success();
}

#[test]
fn killed_worker_with_free_memory_is_not_reported_as_oom() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("pids");
    let (_, worker) = project.processes();
    driver.send("timeout 600000");
    driver.wait_for("waiting for ever");
    worker.signal(libc::SIGKILL);
    let answer = driver.wait_for("timeout 600000: ");
    assert!(answer.contains("signal 9 (SIGKILL)"), "{answer}");
    assert!(!answer.contains("out of memory"), "{answer}");
    driver.finish().success();
}

#[test]
fn each_call_runs_once_while_its_worker_is_replaced() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("pids");
    const REPLACEMENTS: usize = 4;
    let command = format!("count {}", REPLACEMENTS + 1);
    driver.send(&command);
    let manifest = project.read("Cargo.toml");
    for level in 1..=REPLACEMENTS {
        let other = format!(
            "{manifest}\n[profile.dev.package.fnv]\nopt-level = {}\n",
            level % 4
        );
        project.write("Cargo.toml", &other);
        project.kt(["build"]).success();
    }
    let answer = driver.wait_for(&format!("{command}: "));
    assert!(answer.ends_with(": each once"), "{answer}");
    driver.finish().success();
}

#[test]
fn call_does_not_reach_a_replaced_worker_that_exits_slowly() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("linger");
    assert_eq!(driver.ask("count 1"), "each once");
    project.append("Cargo.toml", "\n[profile.dev.package.fnv]\nopt-level = 1\n");
    project.kt(["build"]).success();
    let answer = driver.ask("pids");
    assert!(answer.starts_with("driver "), "{answer}");
    driver.finish().success();
}

#[test]
fn driver_reports_a_replaced_worker_without_lost_state() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver.ask("drop 1");
    project.append("Cargo.toml", "\n[profile.dev.package.fnv]\nopt-level = 1\n");
    project.kt(["build"]).success();
    assert_eq!(driver.ask("canceled"), "1", "the state was carried over");
    let output = driver.finish().success();
    output
        .says("replaced the worker of tester-calls")
        .does_not_report("lost");
}
