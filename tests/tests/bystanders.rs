//! A misbehaving call or program does not affect other calls and programs.

use tests::{Fixture, Project, Running, ServiceProcess};

fn driver(project: &Project) -> Running {
    let driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver
}

#[test]
fn canceling_many_calls_at_once_stops_no_other_call() {
    let project = Project::of(Fixture::CALLS);
    for calls in [30, 400] {
        let command = format!("burst {calls} 10");
        let output = project.run_with(&command).success();
        assert_eq!(output.answer(&format!("{command}: ")), "10 of 10 kept");
    }
}

#[test]
fn busy_functions_block_neither_calls_nor_edits() {
    let project = Project::of(Fixture::CALLS);
    let mut first = driver(&project);
    assert_eq!(first.ask("occupy 32"), "answered");
    let services = project.services();
    assert!(
        services[0]["worker"]["calls"].as_u64() >= Some(4),
        "{services:?}"
    );

    project.edit("src/remote.rs", "fell over a stone", "fell over a root");
    let edited = project.run_with("fall 1");
    assert!(
        edited.stdout.contains("fell over a root"),
        "the edit arrives: {edited:?}"
    );
    assert_eq!(first.ask("free"), "()");
    first.finish().success();
}

#[test]
fn user_subscriber_sees_no_kt_events() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("listen").success();
    assert_eq!(
        output.answer("listen: "),
        "0 events in the worker, 0 in the driver"
    );
}

#[test]
fn functions_run_with_a_main_thread_stack() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("stacks 6").success();
    assert_eq!(output.answer("stacks 6: "), "filled");
}

#[test]
fn functions_respect_rust_min_stack() {
    let mut project = Project::of(Fixture::CALLS);
    project.environment("RUST_MIN_STACK", 32 << 20);
    let output = project.run_with("stacks 24").success();
    assert_eq!(output.answer("stacks 24: "), "filled");
}

#[test]
fn panic_payload_that_panics_on_drop_is_one_panic() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("bombs").success();
    assert_eq!(output.answer("bombs: "), "true true true after 3 runs");
}

#[test]
fn user_panic_hook_keeps_location_and_frames() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("hooks").success();
    let report = "Some(\"src/remote.rs:65:9\")+2";
    assert_eq!(
        output.answer("hooks: "),
        format!("{report} {report} {report} hooked 2")
    );
}

#[test]
fn calls_from_runtimes_without_drivers_are_answered() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("bare").success();
    assert_eq!(output.answer("bare: "), "true true true true");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    let in_place = project
        .plain_cargo(["run", "--quiet", "--", "bare"])
        .success();
    assert_eq!(in_place.answer("bare: "), "true true true true");
}

#[test]
fn worker_without_free_descriptors_refuses_a_driver_and_survives() {
    let project = Project::of(Fixture::CALLS);
    let mut first = driver(&project);
    let before = first.ask("pids");
    assert_eq!(first.ask("exhaust"), "true");
    let refused = project.run_with("pids");
    refused.prints("the worker has run out of file descriptors");
    // Connected drivers keep working, and new ones connect once descriptors are free.
    assert_eq!(first.ask("return"), "()");
    assert_eq!(first.ask("pids"), before);
    let worker = |pids: &str| pids.split_once("worker ").map(|(_, pid)| pid.to_owned());
    let after = project.run_with("pids").success();
    assert_eq!(worker(&before), worker(after.answer("pids: ")));
    first.finish().success();
}

#[test]
fn forked_child_that_outlives_the_worker_blocks_no_caller() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = driver(&project);
    let child: u32 = driver.ask("child").parse().expect("a process id");
    let child = ServiceProcess::open(child);
    driver.send("sleep 600000");
    // Its call is in flight once the worker counts it.
    let in_flight = (0..200).any(|_| project.services()[0]["worker"]["calls"] == 1);
    assert!(in_flight, "the call arrives");
    let (_, worker) = project.processes();
    worker.signal(libc::SIGKILL);
    let answer = driver.wait_for("sleep 600000: ");
    assert!(answer.contains("WorkerDied"), "{answer}");
    child.signal(libc::SIGKILL);
    child.assert_exits();
}

#[test]
fn swap_blocked_by_a_stopped_worker_says_what_it_waits_for() {
    let project = Project::of(Fixture::CALLS);
    project.run_with("pids").success();
    let (_, worker) = project.processes();
    project.edit("src/remote.rs", "fell over a stone", "fell over a root");
    worker.signal(libc::SIGSTOP);
    let waiting = project.spawn_kt(["run", "--", "pids"]);
    let note = waiting.wait_for_error("has not loaded the new code yet");
    assert!(note.contains("cargo kt down tester-calls"), "{note}");
    worker.signal(libc::SIGCONT);
    waiting.finish().success();
}

#[test]
fn short_lived_runtimes_leak_nothing_in_the_driver() {
    /// A leaked connection has buffers of more than 4 kB.
    const LEAKED: u64 = 1 << 10;
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("coming-and-going 2000").success();
    let growth = output.answer("coming-and-going 2000: ");
    let growth: u64 = growth.parse().expect("a number of bytes");
    assert!(growth < 2000 * LEAKED, "{growth} bytes for 2000 runtimes");
}

#[test]
fn worker_raises_its_open_file_limit() {
    let project = Project::of(Fixture::ONE);
    // A shell's default limit, which a server's connections exceed.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -S -n 256 && exec \"$@\"", "sh"]);
    let cargo = project.cargo();
    command.arg(cargo.get_program()).args(["kt", "run"]);
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = cargo.get_current_dir() {
        command.current_dir(directory);
    }
    Running::start(command).finish().success();
    let (_host, worker) = project.processes();
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", worker.pid)).expect("the worker runs");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let numbers = files.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let [soft, hard, ..] = numbers.as_deref().unwrap_or_default() else {
        panic!("no limit of open files in {limits}");
    };
    let hard = hard.parse().unwrap_or(u64::MAX);
    assert_eq!(soft.parse(), Ok(hard.min(65_536)), "{limits}");
}
