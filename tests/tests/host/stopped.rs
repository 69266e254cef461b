//! Hosts stopped by a debugger or a signal: their sockets exist, but do not answer.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use tests::{Fixture, Output, Project};

use crate::{assert_greets, assert_state_was_lost};

/// Longer than a command waits for a host, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Checks that a command gave up in time, with an error that names the service and the fix.
#[track_caller]
fn assert_gives_up(output: Output) {
    let output = output.code(101);
    assert!(output.took < TIMEOUT, "{output:?}");
    assert!(
        output
            .stderr
            .contains("service `tester-one` did not answer within "),
        "{output:?}"
    );
    output.says("cargo kt down tester-one");
}

#[test]
fn commands_time_out_on_a_stopped_host() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let (host, worker) = project.processes();
    host.signal(libc::SIGSTOP);
    let both = [
        project.spawn_kt(["run"]),
        project.spawn_kt(["logs", "--follow", "tester-one"]),
    ];
    both.into_iter()
        .for_each(|running| assert_gives_up(running.finish()));
    let services = project.services();
    let why = services[0]["unreachable"].as_str();
    assert!(
        why.is_some_and(|why| why.contains("did not answer")),
        "{services:?}"
    );

    host.signal(libc::SIGKILL);
    host.assert_exits();
    worker.assert_exits();
    assert_state_was_lost(&project);
}

#[test]
fn down_kills_a_stopped_host_and_its_worker() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let (host, worker) = project.processes();
    host.signal(libc::SIGSTOP);
    let down = project.kt(["down", "tester-one"]).success();
    assert!(down.took < TIMEOUT, "{down:?}");
    host.assert_exits();
    worker.assert_exits();
    assert_eq!(project.services(), [""; 0]);
}

/// Makes the project's code wait while a worker loads it, until the received file is dropped.
fn wait_at_load(project: &Project) -> (PathBuf, mpsc::Receiver<File>) {
    let fifo = project.private().join("fifo");
    let created = Command::new("mkfifo").arg(&fifo).status();
    assert!(created.expect("mkfifo runs").success());
    project.append("src/main.rs", &constructor(&fifo));
    let (sender, loading) = mpsc::channel();
    let path = fifo.clone();
    // The open blocks until a process reads it: fifo(7).
    thread::spawn(move || sender.send(File::options().write(true).open(path).unwrap()));
    (fifo, loading)
}

/// A function that the dynamic linker runs: it prints, and reads the FIFO to its end.
fn constructor(fifo: &Path) -> String {
    format!(
        r#"
#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = on_load;

extern "C" fn on_load() {{
    eprintln!("loading");
    let _ = std::fs::read({fifo:?});
}}
"#
    )
}

#[test]
fn host_stopped_during_a_swap_times_out_and_keeps_its_state() {
    let project = Project::of(Fixture::ONE);
    assert_greets(&project, "hello", 1);
    let (host, _) = project.processes();
    let (fifo, loading) = wait_at_load(&project);
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let follower = project.spawn_kt(["logs", "--follow", "tester-one"]);
    let running = project.spawn_kt(["run"]);
    let writer = loading.recv_timeout(TIMEOUT).expect("the code is loaded");
    follower.wait_for("loading");
    host.signal(libc::SIGSTOP);
    assert_gives_up(running.finish());
    assert_gives_up(follower.finish());

    // The driver runs the constructor too.
    std::fs::remove_file(fifo).unwrap();
    drop(writer);
    host.signal(libc::SIGCONT);
    assert_greets(&project, "good day", 2).does_not_report("lost");
}
