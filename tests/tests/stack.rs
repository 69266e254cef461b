//! `cargo kt stack` on threads and calls whose places are known.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{Fixture, Project, Running};

/// How long a call may take to get where it waits.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// The line that has a comment in the source.
fn line(project: &Project, comment: &str) -> u64 {
    let source = project.read("src/main.rs");
    let mut lines = source.lines();
    let index = lines.position(|line| line.ends_with(comment));
    index.expect("the source has it") as u64 + 1
}

/// What one look found.
#[derive(Debug)]
struct Look(Vec<Value>);

impl Look {
    fn take(project: &Project) -> Self {
        let look = project.kt(["stack", "--message-format", "json"]);
        Self(look.success().json())
    }

    /// Looks until all these functions, each as often as it is named, are in one of these places.
    fn once(project: &Project, functions: &[&str], place: &str) -> Self {
        let begun = Instant::now();
        loop {
            let look = Self::take(project);
            let mut places: Vec<_> = look
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
            if places == wanted && look.has_all_threads() {
                return look;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{wanted:?} are not there: {look:#?}"
            );
        }
    }

    /// Looks until so many calls are where they stay.
    fn of_calls(project: &Project, count: usize) -> Self {
        let begun = Instant::now();
        loop {
            let look = Self::take(project);
            let stays = |it: &&Value| it["place"] == "waits" || it["place"] == "thread";
            if look.calls().filter(stays).count() == count && look.has_all_threads() {
                return look;
            }
            assert!(begun.elapsed() < PATIENCE, "{look:#?}");
        }
    }

    /// Whether each thread that runs a call was seen: on a busy machine one may not stop in time, which the summary counts.
    fn has_all_threads(&self) -> bool {
        let is_seen = |call: &Value| {
            let mut threads = self.of("kt-stack-thread");
            threads.any(|thread| thread["call"] == call["number"])
        };
        let mut running = self.calls().filter(|call| call["place"] == "thread");
        running.all(is_seen)
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
            .expect("the call is there")
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

/// Function and line of the frames that are the user's, innermost first.
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
fn a_parked_thread_shows_its_function_and_line_and_its_call() {
    let (project, mut driver) = started();
    driver.send("parked");
    let look = Look::once(&project, &["stacks::parked"], "thread");
    let thread = look.thread(look.call("stacks::parked"));
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

    // Nobody traces it any more, and it goes on.
    let pid = &look.summary()["pid"];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the worker lives");
    assert!(status.contains("TracerPid:\t0\n"), "{status}");
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    assert_eq!(driver.ask("open"), "Ok(())");
    driver.wait_for("parked: 2");
    assert_eq!(Look::take(&project).summary()["pid"], *pid);
    driver.finish().success();
}

#[test]
fn a_thread_that_computes_shows_where_and_goes_on() {
    let (project, mut driver) = started();
    driver.send("busy 600000");
    let look = Look::once(&project, &["stacks::busy"], "thread");
    let thread = look.thread(look.call("stacks::busy"));
    assert_eq!(thread["state"], "R", "{thread:#}");
    let found = own(&thread["frames"]);
    let spin = found
        .iter()
        .find(|(function, _)| *function == "stacks::spin");
    assert!(spin.is_some(), "{found:?}");
    assert_eq!(found.last().map(|it| it.0), Some("stacks::busy::busy"));
    for number in 0..10 {
        let look = Look::take(&project);
        assert_eq!(look.call("stacks::busy")["place"], "thread");
        assert_eq!(
            driver.ask(&format!("echo {number}")),
            format!("Ok({})", number + 1)
        );
    }
    driver.finish().success();
}

#[test]
fn calls_that_wait_show_the_lines_of_all_awaits_up_to_what_they_wait_for() {
    let (project, mut driver) = started();
    for call in ["wait", "wait", "both"] {
        driver.send(call);
    }
    let functions = ["stacks::wait", "stacks::wait", "stacks::both"];
    let look = Look::once(&project, &functions, "waits");
    let (waiting, within) = (line(&project, "// waiting"), line(&project, "// within"));
    for call in look.calls() {
        let ways = call["waits"].as_array().unwrap();
        let is_both = call["function"] == "stacks::both";
        assert_eq!(ways.len(), if is_both { 2 } else { 1 }, "{call:#}");
        for way in ways {
            let found = own(way);
            assert_eq!(found[0], ("stacks::bell::{{closure}}", waiting), "{call:#}");
            if !is_both {
                assert_eq!(found[1], ("stacks::wait::wait::{{closure}}", within));
                assert_eq!(found.len(), 2, "{found:?}");
            }
            let first = way[0]["function"].as_str().unwrap();
            assert!(
                !first.starts_with("kt::"),
                "its own trace is no part of it: {first}"
            );
        }
    }
    // Two that wait at one place have their frames once.
    let shown = project.kt(["stack"]).success();
    shown.prints("<tokio::sync::notify::Notified as core::future::future::Future>::poll");
    let once = format!("  * stacks::wait::wait::{{{{closure}}}}  src/main.rs:{within}\n");
    let shown = project.kt(["stack"]).success();
    assert_eq!(shown.stdout.matches(&once).count(), 1, "{shown:?}");

    // They were polled for it, and wait as before: all hear the bell.
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    assert_eq!(driver.ask("ring"), "Ok(())");
    driver.wait_for("both: 2");
    driver.wait_for("wait: 1");
    driver.send("never");
    let look = Look::once(&project, &["stacks::never"], "waits-for-no-waker");
    assert_eq!(
        look.call("stacks::never")["waits"]
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
    Look::of_calls(&project, 2);
    let old = [line(&project, "// waiting"), line(&project, "// parked")];
    project.edit(
        "src/main.rs",
        "use tokio::sync::Notify;",
        "\n\n\nuse tokio::sync::Notify;",
    );
    let mut second = driver(&project);
    second.send("wait");
    second.send("parked");
    let look = Look::of_calls(&project, 4);
    let mut found: Vec<_> = look
        .calls()
        .map(|call| {
            let frames = match call["place"] == "waits" {
                true => &call["waits"][0],
                false => &look.thread(call)["frames"],
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
fn a_debugger_that_is_attached_is_named_and_afterwards_stacks_are_shown_again() {
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
    Look::once(&project, &["stacks::busy"], "thread");
    driver.finish().success();
}

#[test]
fn a_service_whose_worker_died_has_no_stacks() {
    let (project, driver) = started();
    let look = Look::take(&project);
    let pid = look.summary()["pid"].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status();
    assert!(killed.expect("kill runs").success());
    let begun = Instant::now();
    while project.kt(["stack"]).status.success() {
        assert!(begun.elapsed() < PATIENCE);
    }
    project
        .kt(["stack"])
        .code(101)
        .says("stacked has no worker")
        .says("help: start one with `cargo kt run`");
    driver.finish().success();
}
