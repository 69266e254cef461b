//! Processes that end before their time, and calls that ask too much.

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
    assert_eq!(driver.ask("drop 1"), "1 cancelled there");

    let death = driver.ask(&format!("die {how}"));
    let expected =
        format!("WorkerDied: the worker died while `calls::remote::die` ran: {expected}, after ");
    assert!(death.starts_with(&expected), "{death}");
    assert!(death.contains(" in generation 1, with "), "{death}");

    // The next call of the same driver starts another worker, and the driver says what that means.
    let second = driver.ask("pids");
    assert_ne!(first, second);
    assert_eq!(driver.ask("cancelled"), "0", "the state is gone");
    let output = driver.finish().success();
    assert!(
        output.stderr.contains(&format!("last words before {how}")),
        "{output:?}"
    );
    output.says("has a new worker; the state of the old worker was lost");
}

#[test]
fn a_worker_that_aborts_is_a_typed_error_and_a_new_one_answers_next() {
    die("abort", "it was killed by signal 6 (SIGABRT)");
}

#[test]
fn a_worker_with_a_segmentation_fault_is_a_typed_error_and_a_new_one_answers_next() {
    die("segfault", "it was killed by signal 11 (SIGSEGV)");
}

#[test]
fn a_worker_that_exits_is_a_typed_error_and_a_new_one_answers_next() {
    die("exit", "it exited with code 7");
}

#[test]
fn the_run_after_a_workers_death_says_that_the_state_is_gone() {
    let project = Project::of(Fixture::CALLS);
    project.run_with("drop 1").success();
    project.run_with("die abort").code(1);
    let next = project
        .run_with("cancelled")
        .success()
        .prints("cancelled: 0");
    assert!(
        next.stderr.contains("state") && next.stderr.contains("SIGABRT"),
        "{next:?}"
    );
    project
        .run_with("cancelled")
        .success()
        .keeps_quiet_about("SIGABRT");
}

#[test]
fn a_driver_that_panics_ends_as_it_does_under_cargo_run() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("panic").code(101);
    output
        .says("panicked at src/command.rs:")
        .says("the driver itself");
    project.run_with("length four").success();
}

#[test]
fn arguments_and_results_over_the_limit_are_typed_errors() {
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
fn a_host_of_another_version_is_named_with_what_to_do() {
    let project = Project::of(Fixture::ONE);
    assert_answers(&project, 1);
    // The host goes as if killed; what sits at its socket then is another kt's.
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
