//! A debugger in a pod: gdbserver and its libraries come from this machine, and the objects with debug information stay here.

use tests::{
    Fixture, Project, Running,
    cluster::{Namespace, image},
};

/// A program in a pod without a shell, one of whose calls waits at a breakpoint.
fn stopped(namespace: &Namespace) -> (Project, Running) {
    let project = namespace.project(Fixture::DEBUGGER, &image::distroless());
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver.send("greet hello 2");
    driver.wait_for_error("breakpoint reached");
    (project, driver)
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_call_in_a_pod_without_a_shell_is_debugged_and_goes_on() {
    let namespace = Namespace::new();
    let (project, mut driver) = stopped(&namespace);
    assert_eq!(driver.ask("echo 1"), "Ok(2)", "other calls are answered");
    for text in ["greet", "count"] {
        let commands = ["-ex", "bt", "-ex", "info locals"];
        let shown = project.kt(["debug", "--timeout", "60s"].into_iter().chain(commands));
        match text {
            "greet" => {
                shown
                    .success()
                    .prints("words = Vec(size=2) = {\"hello\", \"hello\"}");
                driver.wait_for("greet hello 2: \"hello hello\"");
                driver.send("count word");
                driver.wait_for_error("`debugger::count`");
            }
            _ => {
                shown.success().prints("letters = 4");
                driver.wait_for("count word: 4");
            }
        }
    }
    assert_eq!(driver.ask("echo 2"), "Ok(3)");
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_pods_call_goes_on_when_the_connection_of_its_debugger_is_cut() {
    let namespace = Namespace::new();
    let (project, mut driver) = stopped(&namespace);
    // A breakpoint of its own is in the code too.
    let place = ["--break", "src/main.rs:27"];
    let held = ["-ex", "python import time; time.sleep(600)"];
    let debugger = project.spawn_kt(["debug"].into_iter().chain(place).chain(held));
    debugger.wait_for("SIGTRAP");
    debugger.kill();
    driver.wait_for("greet hello 2: \"hello hello\"");
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.finish().success();
}
