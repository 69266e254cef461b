//! `cargo kt stack` on threads and calls at known places.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{Fixture, Project, Running};

/// How long a call may take to reach the place where it waits.
const TIMEOUT: Duration = Duration::from_secs(60);

fn started() -> (Project, Running) {
    let mut project = Project::of(Fixture::STACKS);
    project.environment("KT_NAME", "stacked");
    let driver = driver(&project);
    (project, driver)
}

fn driver(project: &Project) -> Running {
    let driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver
}

/// The number of the source line that ends with this comment.
fn line(project: &Project, comment: &str) -> u64 {
    let source = project.read("src/main.rs");
    let mut lines = source.lines();
    let index = lines.position(|line| line.ends_with(comment));
    index.expect("the source has it") as u64 + 1
}

/// The output of one `cargo kt stack`.
#[derive(Debug)]
struct Stacks(Vec<Value>);

impl Stacks {
    fn take(project: &Project) -> Self {
        let stacks = project.kt(["stack", "--message-format", "json"]);
        Self(stacks.success().json())
    }

    /// Repeats until exactly these functions, each as often as it is named, are in this place.
    fn once(project: &Project, functions: &[&str], place: &str) -> Self {
        let begun = Instant::now();
        loop {
            let stacks = Self::take(project);
            let mut places: Vec<_> = stacks
                .calls()
                .map(|it| (it["function"].clone(), it["place"].clone()))
                .collect();
            let mut wanted: Vec<_> = functions
                .iter()
                .map(|it| ((*it).into(), place.into()))
                .collect();
            let key = |pair: &(Value, Value)| pair.0.to_string();
            places.sort_by_key(key);
            wanted.sort_by_key(key);
            if places == wanted && stacks.has_all_threads() {
                return stacks;
            }
            assert!(
                begun.elapsed() < TIMEOUT,
                "{wanted:?} not found: {stacks:#?}"
            );
        }
    }

    /// Repeats until `count` calls wait or occupy a thread.
    fn of_calls(project: &Project, count: usize) -> Self {
        let begun = Instant::now();
        loop {
            let stacks = Self::take(project);
            let stays = |it: &&Value| it["place"] == "waits" || it["place"] == "thread";
            if stacks.calls().filter(stays).count() == count && stacks.has_all_threads() {
                return stacks;
            }
            assert!(begun.elapsed() < TIMEOUT, "{stacks:#?}");
        }
    }

    /// Whether each thread that runs a call was captured. On a busy machine one may not stop in
    /// time; the summary counts those.
    fn has_all_threads(&self) -> bool {
        let is_captured = |call: &Value| {
            let mut threads = self.of("kt-stack-thread");
            threads.any(|thread| thread["call"] == call["number"])
        };
        let mut running = self.calls().filter(|call| call["place"] == "thread");
        running.all(is_captured)
    }

    fn of(&self, reason: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |line| line["reason"] == reason)
    }

    fn calls(&self) -> impl Iterator<Item = &Value> {
        self.of("kt-stack-call")
    }

    fn call(&self, function: &str) -> &Value {
        let mut calls = self.calls();
        calls
            .find(|call| call["function"] == function)
            .expect("the call is listed")
    }

    /// The thread that runs a call.
    fn thread(&self, call: &Value) -> &Value {
        let mut threads = self.of("kt-stack-thread");
        let thread = threads.find(|thread| thread["call"] == call["number"]);
        let thread = thread.expect("a thread runs it");
        assert_eq!(thread["id"], call["thread"]);
        thread
    }

    fn summary(&self) -> &Value {
        let all: Vec<_> = self.of("kt-stack-summary").collect();
        assert_eq!((all.len(), self.0.last()), (1, all.first().copied()));
        all[0]
    }
}

/// Function and line of the user's frames, innermost first.
fn own(frames: &Value) -> Vec<(&str, u64)> {
    let frames = frames.as_array().expect("frames").iter();
    let own = frames.filter(|frame| frame["user"] == true);
    let named = own.map(|frame| {
        assert_eq!(frame["file"], "src/main.rs", "{frame}");
        (
            frame["function"].as_str().unwrap(),
            frame["line"].as_u64().unwrap(),
        )
    });
    named.collect()
}

#[test]
fn parked_thread_shows_its_function_line_and_call() {
    let (project, mut driver) = started();
    driver.send("parked");
    let stacks = Stacks::once(&project, &["stacks::parked"], "thread");
    let thread = stacks.thread(stacks.call("stacks::parked"));
    assert_eq!(thread["whole"], true, "{thread:#}");
    let found = own(&thread["frames"]);
    assert_eq!(found[0], ("stacks::park", line(&project, "// parked")));
    assert_eq!(found[1].0, "stacks::parked::parked", "{found:?}");

    let shown = project.kt(["stack"]).success();
    let place = format!(
        "  * stacks::park  src/main.rs:{}\n",
        line(&project, "// parked")
    );
    shown
        .prints(&place)
        .prints("stacks::parked  generation 1, for ")
        .prints(", on thread kt-call (")
        .prints(" without code of the program: ")
        .prints(" paused for ");
    let all = project.kt(["stack", "--all"]).success();
    all.prints(&place).prints("kt::function::invoke");

    // It is not traced any more, and keeps running.
    let pid = &stacks.summary()["pid"];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the worker runs");
    assert!(status.contains("TracerPid:\t0\n"), "{status}");
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    assert_eq!(driver.ask("open"), "Ok(())");
    driver.wait_for("parked: 2");
    assert_eq!(Stacks::take(&project).summary()["pid"], *pid);
    driver.finish().success();
}

#[test]
fn computing_thread_shows_its_line_and_keeps_running() {
    let (project, mut driver) = started();
    driver.send("busy 600000");
    let stacks = Stacks::once(&project, &["stacks::busy"], "thread");
    let thread = stacks.thread(stacks.call("stacks::busy"));
    assert_eq!(thread["state"], "R", "{thread:#}");
    let found = own(&thread["frames"]);
    let spin = found
        .iter()
        .find(|(function, _)| *function == "stacks::spin");
    assert!(spin.is_some(), "{found:?}");
    assert_eq!(found.last().map(|it| it.0), Some("stacks::busy::busy"));
    for number in 0..10 {
        let stacks = Stacks::take(&project);
        assert_eq!(stacks.call("stacks::busy")["place"], "thread");
        assert_eq!(
            driver.ask(&format!("echo {number}")),
            format!("Ok({})", number + 1)
        );
    }
    driver.finish().success();
}

#[test]
fn waiting_calls_show_the_lines_of_all_awaits() {
    let (project, mut driver) = started();
    for call in ["wait", "wait", "both"] {
        driver.send(call);
    }
    let functions = ["stacks::wait", "stacks::wait", "stacks::both"];
    let stacks = Stacks::once(&project, &functions, "waits");
    let (waiting, within) = (line(&project, "// waiting"), line(&project, "// within"));
    for call in stacks.calls() {
        let branches = call["waits"].as_array().unwrap();
        let is_both = call["function"] == "stacks::both";
        assert_eq!(branches.len(), if is_both { 2 } else { 1 }, "{call:#}");
        for branch in branches {
            let found = own(branch);
            assert_eq!(found[0], ("stacks::bell::{{closure}}", waiting), "{call:#}");
            if !is_both {
                assert_eq!(found[1], ("stacks::wait::wait::{{closure}}", within));
                assert_eq!(found.len(), 2, "{found:?}");
            }
            let first = branch[0]["function"].as_str().unwrap();
            assert!(
                !first.starts_with("kt::"),
                "kt's own frames are left out: {first}"
            );
        }
    }
    // Two calls that wait at one place share their frames.
    let shown = project.kt(["stack"]).success();
    shown.prints("<tokio::sync::notify::Notified as core::future::future::Future>::poll");
    let once = format!("  * stacks::wait::wait::{{{{closure}}}}  src/main.rs:{within}\n");
    let shown = project.kt(["stack"]).success();
    assert_eq!(shown.stdout.matches(&once).count(), 1, "{shown:?}");

    // `stack` polled them, and they still wait: the bell wakes all of them.
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    assert_eq!(driver.ask("ring"), "Ok(())");
    driver.wait_for("both: 2");
    driver.wait_for("wait: 1");
    driver.send("never");
    let stacks = Stacks::once(&project, &["stacks::never"], "waits-for-no-waker");
    assert_eq!(
        stacks.call("stacks::never")["waits"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    driver.finish().success();
}

#[test]
fn calls_of_two_generations_show_the_lines_of_their_own_code() {
    let (project, mut first) = started();
    first.send("wait");
    first.send("parked");
    Stacks::of_calls(&project, 2);
    let old = [line(&project, "// waiting"), line(&project, "// parked")];
    project.edit(
        "src/main.rs",
        "use tokio::sync::Notify;",
        "\n\n\nuse tokio::sync::Notify;",
    );
    let mut second = driver(&project);
    second.send("wait");
    second.send("parked");
    let stacks = Stacks::of_calls(&project, 4);
    let mut found: Vec<_> = stacks
        .calls()
        .map(|call| {
            let frames = match call["place"] == "waits" {
                true => &call["waits"][0],
                false => &stacks.thread(call)["frames"],
            };
            (call["generation"].as_u64().unwrap(), own(frames)[0].1)
        })
        .collect();
    found.sort_unstable();
    let mut wanted = [(1, old[0]), (1, old[1]), (2, old[0] + 3), (2, old[1] + 3)];
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    first.finish().success();
    second.finish().success();
}

#[test]
fn attached_debugger_is_named_and_stacks_work_after_it() {
    let (project, mut driver) = started();
    driver.send("busy 600000");
    let mut debugger = project.spawn_kt(["debug"]);
    debugger.wait_for("kt: attached");
    project
        .kt(["stack"])
        .code(101)
        .says("cannot inspect the threads of stacked: a debugger of tester@")
        .says("help: run `thread apply all backtrace` in that gdb");
    debugger.send("quit");
    debugger.finish().success();
    Stacks::once(&project, &["stacks::busy"], "thread");
    driver.finish().success();
}

#[test]
fn service_without_a_worker_has_no_stacks() {
    let (project, driver) = started();
    let stacks = Stacks::take(&project);
    let pid = stacks.summary()["pid"].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status();
    assert!(killed.expect("kill runs").success());
    let begun = Instant::now();
    while project.kt(["stack"]).status.success() {
        assert!(begun.elapsed() < TIMEOUT);
    }
    project
        .kt(["stack"])
        .code(101)
        .says("stacked has no worker")
        .says("help: start one with `cargo kt run`");
    driver.finish().success();
}
