//! What one call or one program does to itself costs no other one anything.

use tests::{Fixture, Project, Running, ServiceProcess};

fn driver(project: &Project) -> Running {
    let driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver
}

#[test]
fn calls_that_are_given_up_in_a_burst_end_no_other_call() {
    let project = Project::of(Fixture::CALLS);
    for calls in [30, 400] {
        let command = format!("burst {calls} 10");
        let output = project.run_with(&command).success();
        assert_eq!(output.answer(&format!("{command}: ")), "10 of 10 kept");
    }
}

#[test]
fn functions_that_compute_without_an_await_stop_neither_calls_nor_edits() {
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
fn a_subscriber_of_the_users_sees_nothing_of_kt() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("listen").success();
    assert_eq!(output.answer("listen: "), "0 events there, 0 here");
}

#[test]
fn functions_have_the_stack_of_a_main_thread() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("stacks 6").success();
    assert_eq!(output.answer("stacks 6: "), "filled");
}

#[test]
fn functions_have_the_stack_that_the_user_asks_for() {
    let mut project = Project::of(Fixture::CALLS);
    project.environment("RUST_MIN_STACK", 32 << 20);
    let output = project.run_with("stacks 24").success();
    assert_eq!(output.answer("stacks 24: "), "filled");
}

#[test]
fn a_panic_that_panics_when_it_is_dropped_is_one_panic_of_one_run() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("bombs").success();
    assert_eq!(output.answer("bombs: "), "true true true after 3 runs");
}

#[test]
fn a_panic_hook_of_the_users_leaves_place_and_frames_of_later_panics() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("hooks").success();
    let told = "Some(\"src/remote.rs:65:9\")+2";
    assert_eq!(
        output.answer("hooks: "),
        format!("{told} {told} {told} hooked 2")
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
fn a_worker_without_descriptors_refuses_a_driver_and_lives() {
    let project = Project::of(Fixture::CALLS);
    let mut first = driver(&project);
    let before = first.ask("pids");
    assert_eq!(first.ask("exhaust"), "true");
    let refused = project.run_with("pids");
    refused.prints("the worker has run out of file descriptors");
    // Those who are connected go on, and others come in when there is room.
    assert_eq!(first.ask("return"), "()");
    assert_eq!(first.ask("pids"), before);
    let worker = |pids: &str| pids.split_once("worker ").map(|(_, pid)| pid.to_owned());
    let after = project.run_with("pids").success();
    assert_eq!(worker(&before), worker(after.answer("pids: ")));
    first.finish().success();
}

#[test]
fn a_forked_child_that_outlives_the_worker_holds_no_caller_up() {
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
    child.assert_ends();
}

#[test]
fn a_swap_that_a_stopped_worker_holds_up_says_what_it_waits_for() {
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
fn runtimes_that_come_and_go_leave_nothing_in_the_driver() {
    /// A connection that is kept has buffers of more than 4 kB.
    const KEPT: u64 = 1 << 10;
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("coming-and-going 2000").success();
    let growth = output.answer("coming-and-going 2000: ");
    let growth: u64 = growth.parse().expect("a number of bytes");
    assert!(growth < 2000 * KEPT, "{growth} bytes for 2000 runtimes");
}

#[test]
fn a_worker_may_open_as_many_files_as_the_system_lets_it() {
    let project = Project::of(Fixture::ONE);
    // As a shell has it by default, which a server's connections exceed.
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
        std::fs::read_to_string(format!("/proc/{}/limits", worker.pid)).expect("the worker lives");
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
