//! `cargo kt profile` on functions with known shares of the work.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::{Fixture, Project, Running};

/// How long a call may take to start.
const TIMEOUT: Duration = Duration::from_secs(60);

fn started() -> (Project, Running) {
    let mut project = Project::of(Fixture::STACKS);
    project.environment("KT_NAME", "profiled");
    let driver = driver(&project);
    (project, driver)
}

fn driver(project: &Project) -> Running {
    let driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver
}

/// Waits until a thread wait_until_runs a call of this function.
fn wait_until_runs(project: &Project, function: &str) {
    let begun = Instant::now();
    let is_it = |line: &Value| line["function"] == function && line["place"] == "thread";
    let stacks = || project.kt(["stack", "--message-format", "json"]).success();
    while !stacks().json().iter().any(is_it) {
        assert!(begun.elapsed() < TIMEOUT, "no thread runs {function}");
    }
}

/// How often each function is on a stack of a folded file.
fn weights(project: &Project, file: &str) -> BTreeMap<String, u64> {
    let mut weights = BTreeMap::new();
    for line in project.read(file).lines() {
        let (stack, count) = line.rsplit_once(' ').expect("a count");
        let count: u64 = count.parse().expect("a number");
        let mut functions: Vec<_> = stack.split(';').collect();
        functions.sort_unstable();
        functions.dedup();
        for function in functions {
            *weights.entry(function.to_owned()).or_default() += count;
        }
    }
    weights
}

#[test]
fn function_with_three_times_the_work_has_more_samples() {
    let (project, mut driver) = started();
    driver.send("work 600000");
    wait_until_runs(&project, "stacks::work");
    let json = ["--message-format", "json"];
    let folded = ["profile", "--seconds", "4", "-o", "found.folded"];
    let message = project.kt(folded.into_iter().chain(json)).success().json();
    let [message] = &message[..] else {
        panic!("{message:#?}");
    };
    assert_eq!(
        (&message["reason"], &message["name"], &message["ended"]),
        (&"kt-profile".into(), &"profiled".into(), &"whole".into())
    );
    let samples = message["samples"].as_u64().unwrap();
    for number in ["looks", "stood_us", "longest_us", "sampler_us", "frames"] {
        assert!(
            message[number].as_u64() > Some(0),
            "{number} of {message:#}"
        );
    }
    assert_eq!(message["cut_stacks"], 0, "{message:#}");
    let found = weights(&project, "found.folded");
    let (much, little) = (found["stacks::much"], found["stacks::little"]);
    assert!(
        much > little && little > 0 && much + little <= samples,
        "{found:#?}"
    );
    // The program's own code is the root, with its callees above it.
    let lines = project.read("found.folded");
    let rooted = "stacks::work::work;stacks::much;";
    assert!(
        lines.lines().any(|line| line.starts_with(rooted)),
        "{lines}"
    );

    // As a flame graph, which replaces an older one.
    project.write("kt-profile.svg", "an older one");
    let shown = project.kt(["profile", "--seconds", "1"]).success();
    shown
        .prints("stacks::work::work")
        .says("Profiling profiled (worker ")
        .says("without a name")
        .says("of CPU time")
        .says("Wrote kt-profile.svg");
    let drawn = project.read("kt-profile.svg");
    assert!(
        drawn.starts_with("<?xml") && drawn.contains("stacks::much ("),
        "{drawn}"
    );
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.finish().success();
}

#[test]
fn profile_across_a_reload_names_both_generations() {
    let (project, mut first) = started();
    let profile = project.spawn_kt(["profile", "--seconds", "600", "-o", "found.folded"]);
    profile.wait_for_error("Profiling profiled");
    first.send("work 3000");
    first.wait_for("work 3000: ");
    project.edit("src/main.rs", "fn little()", "fn small()");
    project.edit("src/main.rs", "^ little()", "^ small()");
    let mut second = driver(&project);
    second.send("work 3000");
    second.wait_for("work 3000: ");
    profile.interrupt();
    profile.finish().success();
    let found = weights(&project, "found.folded");
    for function in ["stacks::little", "stacks::small", "stacks::much"] {
        assert!(found.contains_key(function), "{function} of {found:#?}");
    }
    assert!(
        found["stacks::much"] > found["stacks::little"],
        "{found:#?}"
    );
    first.finish().success();
    second.finish().success();
}

#[test]
fn waiting_threads_are_sampled_only_on_request() {
    let (project, mut driver) = started();
    driver.send("parked");
    wait_until_runs(&project, "stacks::parked");
    // On a busy machine the host may sample one of kt's own threads.
    let quiet = project.kt(["profile", "--seconds", "0.3", "-o", "quiet.folded"]);
    match quiet.status.success() {
        true => assert!(
            !project.read("quiet.folded").contains("stacks::"),
            "{quiet:?}"
        ),
        false => {
            quiet
                .code(101)
                .says("no thread of profiled was running")
                .says("`--wall`");
            assert!(!project.root().join("quiet.folded").exists());
        }
    }
    let wall = ["profile", "--wall", "--seconds", "1", "-o", "wall.folded"];
    project.kt(wall).success();
    assert!(weights(&project, "wall.folded")["stacks::park"] > 0);
    assert_eq!(driver.ask("open"), "Ok(())");
    driver.wait_for("parked: 2");
    driver.finish().success();
}

#[test]
fn calls_are_answered_during_frequent_sampling() {
    let (project, mut driver) = started();
    let frequency = [
        "profile",
        "--seconds",
        "600",
        "--frequency",
        "1000",
        "--wall",
    ];
    let profile = project.spawn_kt(frequency.into_iter().chain(["-o", "often.folded"]));
    profile.wait_for_error("Profiling profiled");
    let second = project.kt(["profile", "--seconds", "1"]).code(101);
    second
        .says("profiled is already being profiled")
        .says("help: stop that `cargo kt profile` first");
    driver.send("wait");
    for number in 0..200 {
        assert_eq!(
            driver.ask(&format!("echo {number}")),
            format!("Ok({})", number + 1)
        );
    }
    // `stack` works in between.
    project.kt(["stack"]).success().prints("stacks::bell");
    assert_eq!(driver.ask("ring"), "Ok(())");
    driver.wait_for("wait: 1");
    profile.interrupt();
    profile.finish().success();
    driver.finish().success();
}

#[test]
fn debugger_ends_a_profile_which_is_still_written() {
    let (project, mut driver) = started();
    driver.send("work 600000");
    wait_until_runs(&project, "stacks::work");
    let profile = project.spawn_kt(["profile", "--seconds", "600", "-o", "found.folded"]);
    profile.wait_for_error("Profiling profiled");
    // By now there are some samples.
    project.kt(["stack"]).success();
    let mut debugger = project.spawn_kt(["debug"]);
    debugger.wait_for("kt: attached");
    profile.wait_for_error("a debugger attached to the worker");
    profile.finish().success();
    assert!(weights(&project, "found.folded").contains_key("stacks::work::work"));
    project
        .kt(["profile", "--seconds", "1"])
        .code(101)
        .says("cannot inspect the threads of profiled: a debugger of tester@");
    debugger.send("quit");
    debugger.finish().success();
    assert_eq!(driver.ask("echo 1"), "Ok(2)");
    driver.finish().success();
}

#[test]
fn invalid_output_or_options_are_errors_before_sampling() {
    let (project, driver) = started();
    fs::create_dir(project.root().join("folder")).expect("it can be created");
    for file in ["folder", "missing/found.svg"] {
        project
            .kt(["profile", "-o", file])
            .code(101)
            .says(&format!("failed to write {file}"))
            .does_not_report("Profiling");
    }
    for (option, value) in [
        ("--seconds", "0"),
        ("--frequency", "0"),
        ("--frequency", "1001"),
    ] {
        project.kt(["profile", option, value]).code(2).says(value);
    }
    driver.finish().success();
}
