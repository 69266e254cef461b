//! Crashed processes, oversized calls, and a host of another version.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    thread,
};

use tests::{Fixture, Project};

use crate::assert_answers;

fn die(how: &str, expected: &str) {
    let project = Project::of(Fixture::CALLS);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    let first = driver.ask("pids");
    assert_eq!(driver.ask("drop 1"), "1 canceled in the worker");

    let death = driver.ask(&format!("die {how}"));
    let expected =
        format!("WorkerDied: the worker died while `calls::remote::die` ran: {expected}, after ");
    assert!(death.starts_with(&expected), "{death}");
    assert!(death.contains(" in generation 1, with "), "{death}");

    // The next call of the same driver starts another worker, and the driver reports the lost
    // state.
    let second = driver.ask("pids");
    assert_ne!(first, second);
    assert_eq!(driver.ask("canceled"), "0", "the state was lost");
    let output = driver.finish().success();
    assert!(
        output.stderr.contains(&format!("stderr before {how}")),
        "{output:?}"
    );
    output.says("has a new worker; the state of the old worker was lost");
}

#[test]
fn worker_abort_is_a_typed_error_and_the_next_call_works() {
    die("abort", "it was killed by signal 6 (SIGABRT)");
}

#[test]
fn worker_segfault_is_a_typed_error_and_the_next_call_works() {
    die("segfault", "it was killed by signal 11 (SIGSEGV)");
}

#[test]
fn worker_exit_is_a_typed_error_and_the_next_call_works() {
    die("exit", "it exited with code 7");
}

#[test]
fn run_after_a_crash_reports_the_lost_state() {
    let project = Project::of(Fixture::CALLS);
    project.run_with("drop 1").success();
    project.run_with("die abort").code(1);
    let next = project.run_with("canceled").success().prints("canceled: 0");
    assert!(
        next.stderr.contains("state") && next.stderr.contains("SIGABRT"),
        "{next:?}"
    );
    project
        .run_with("canceled")
        .success()
        .does_not_report("SIGABRT");
}

#[test]
fn driver_panic_exits_as_under_cargo_run() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("panic").code(101);
    output
        .says("panicked at src/command.rs:")
        .says("the driver itself");
    project.run_with("length four").success();
}

#[test]
fn oversized_arguments_and_results_are_typed_errors() {
    let mut project = Project::of(Fixture::CALLS);
    project.environment("KT_BODY_LIMIT", 1_000_000);
    let mut driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    let over = |part: &str, function: &str| {
        format!(
            "TooLarge: the {part} of `calls::remote::{function}` would take more than 1000000 bytes; KT_BODY_LIMIT sets the limit"
        )
    };
    assert_eq!(driver.ask("blob 2000000"), over("result", "blob"));
    assert_eq!(driver.ask("send 2000000"), over("arguments", "length"));
    assert_eq!(driver.ask("blob 900000"), "900000");
    assert_eq!(driver.ask("send 900000"), "900000");
    driver.finish().success();
}

#[test]
fn host_of_another_version_is_an_error_with_the_fix() {
    let project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    // Kill the host, and listen on its socket as another version of kt.
    let service = project.services().remove(0);
    let host = service["host_pid"]
        .as_i64()
        .expect("the host has a process id");
    // SAFETY: no memory is involved; the process is this project's host.
    unsafe { libc::kill(host as i32, libc::SIGKILL) };
    let socket = sockets(&project.private().join("run")).remove(0);
    fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // magic, protocol, purpose, length of the token
            let mut hello = [0; 7];
            stream.read_exact(&mut hello).unwrap();
            let mut token = vec![0; u16::from_le_bytes([hello[5], hello[6]]).into()];
            stream.read_exact(&mut token).unwrap();
            // OtherVersion, its length, its text
            stream.write_all(b"\x01\x06\x009.99.9").unwrap();
        }
    });
    let refused = project.run().code(101);
    assert!(
        refused
            .stderr
            .contains("was started by kt 9.99.9, but this is kt "),
        "{refused:?}"
    );
    refused.says("cargo kt down");
}

fn sockets(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(sockets(&entry.path()));
        } else if entry.file_name() == "socket" {
            found.push(entry.path());
        }
    }
    found
}
