//! Concurrent runs, and Ctrl-C.

use std::{
    thread,
    time::{Duration, Instant},
};

use tests::{Fixture, Project, Running};

use crate::assert_answers;

#[test]
fn concurrent_runs_share_one_worker() {
    let project = Project::of(Fixture::ONE);
    for visits in [["1", "2"], ["3", "4"]] {
        let both = [project.spawn_kt(["run"]), project.spawn_kt(["run"])];
        let outputs = both.map(|running| running.finish().success().stdout);
        let mut expected = visits.map(|visit| format!("hello Alice, visit {visit}\n"));
        if outputs[0] > outputs[1] {
            expected.reverse();
        }
        assert_eq!(outputs, expected);
    }
    assert_eq!(project.services().len(), 1);
}

/// Sends SIGINT as Ctrl-C does, and checks that the command stopped because of it or had finished.
#[track_caller]
fn interrupt(running: Running) {
    running.interrupt();
    let output = running.finish();
    let (code, signal) = (
        output.status.code(),
        std::os::unix::process::ExitStatusExt::signal(&output.status),
    );
    assert!(
        signal == Some(2) || matches!(code, Some(0 | 101 | 130)),
        "{output:?}"
    );
    output.does_not_report("panicked");
}

#[test]
fn ctrl_c_while_compiling_leaves_nothing_broken() {
    let project = Project::of(Fixture::ONE);
    project.write(
        "build.rs",
        "fn main() {\n    std::thread::sleep(std::time::Duration::from_secs(3));\n}\n",
    );
    let running = project.spawn_kt(["run"]);
    running.wait_for_error("Compiling");
    interrupt(running);
    assert_answers(&project, 1);
}

#[test]
fn ctrl_c_while_linking_leaves_nothing_broken() {
    let project = Project::of(Fixture::ONE);
    let running = project.spawn_kt(["run"]);
    running.wait_for_error("Linking");
    interrupt(running);
    assert_answers(&project, 1);
}

#[test]
fn ctrl_c_during_a_call_cancels_it_and_keeps_the_worker() {
    let project = Project::of(Fixture::CALLS);
    let pids = project.run_with("pids").success();
    let (_, worker) = pids
        .answer("pids: ")
        .split_once("worker ")
        .expect("the answer has both");
    let running = project.spawn_kt(["run", "--", "timeout", "600000"]);
    running.wait_for("waiting for ever");
    interrupt(running);
    let deadline = Instant::now() + Duration::from_secs(10);
    while project.run_with("canceled").success().answer("canceled: ") != "1" {
        assert!(Instant::now() < deadline, "the call was not canceled");
    }
    project
        .run_with("pids")
        .success()
        .prints(&format!("worker {worker}"));
}

#[test]
fn ctrl_c_at_any_moment_of_an_edit_leaves_nothing_broken() {
    let project = Project::of(Fixture::ONE);
    let mut greeting = "hello".to_owned();
    assert_answers(&project, 1);
    // How long one edit takes: the interrupts below are spread over it.
    let begin = Instant::now();
    project.edit("src/main.rs", "\"hello {name}", "\"greeting {name}");
    project.run().success();
    let whole = begin.elapsed();
    greeting.replace_range(.., "greeting");
    for moment in 0..10 {
        let next = format!("greeting {moment}");
        project.edit(
            "src/main.rs",
            &format!("\"{greeting} {{name}}"),
            &format!("\"{next} {{name}}"),
        );
        let running = project.spawn_kt(["run"]);
        // The moment is what this test varies.
        thread::sleep(whole * moment / 9);
        interrupt(running);
        let output = project.run().success();
        assert!(
            output.stdout.starts_with(&format!("{next} Alice, visit ")),
            "interrupted at {moment}/9: {output:?}"
        );
        greeting = next;
    }
    let output = project.run().success();
    let visit: u32 = output
        .answer(&format!("{greeting} Alice, visit "))
        .parse()
        .expect("a number");
    assert!(
        visit >= 13,
        "the state was kept through all of it: {output:?}"
    );
}
