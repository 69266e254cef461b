//! Debugging in a pod: this machine ships gdbserver and its libraries, and keeps the debug objects.

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
fn call_in_a_pod_without_a_shell_is_debugged_and_resumes() {
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
                    .prints("copies = Vec(size=2) = {\"hello\", \"hello\"}");
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
fn call_resumes_when_its_debugger_is_disconnected() {
    let namespace = Namespace::new();
    let (project, mut driver) = stopped(&namespace);
    // The debugger's own breakpoint is in the code too.
    let place = ["--break", "src/main.rs:27"];
    let held = ["-ex", "python import time; time.sleep(600)"];
    let debugger = project.spawn_kt(["debug"].into_iter().chain(place).chain(held));
    debugger.wait_for("SIGTRAP");
    debugger.kill();
    driver.wait_for("greet hello 2: \"hello hello\"");
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.finish().success();
}
