//! Calls from a driver started by `cargo kt run` to its worker.

use std::collections::HashSet;

use tests::{Fixture, Project, Running};

fn driver(project: &Project) -> Running {
    let driver = project.spawn_kt(["run", "--quiet"]);
    driver.wait_for("ready");
    driver
}

/// The worker's process id, as one of its functions returns it.
fn worker(driver: &mut Running) -> String {
    let pids = driver.ask("pids");
    let (_, worker) = pids.split_once("worker ").expect("the answer has both");
    worker.to_owned()
}

#[test]
fn thousand_concurrent_calls_of_a_second_take_a_few_seconds() {
    let project = Project::of(Fixture::CALLS);
    let crowd = project.run_with("crowd 1000").success();
    let answer = crowd.answer("crowd 1000: ");
    let took = answer
        .strip_prefix("1000 calls, 1 worker, ")
        .and_then(|rest| rest.strip_suffix(" ms"));
    let took: u32 = took
        .expect("one worker answers all of them")
        .parse()
        .expect("milliseconds");
    assert!((1000..8000).contains(&took), "{answer}");
}

#[test]
fn results_and_errors_keep_their_type() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = driver(&project);
    let worker = worker(&mut driver);

    assert_eq!(driver.ask("divide 4 2"), "Ok(2)");
    assert_eq!(driver.ask("divide 1 0"), "Err(ByZero { dividend: 1 })");
    assert_eq!(
        driver.ask("outer"),
        format!("Ok(({worker}, {worker}))"),
        "a remote function calls another in place"
    );
    assert_eq!(
        driver.ask("blocking"),
        format!("outside {worker} many {worker} single {worker}")
    );
    let local = driver.ask("local");
    assert!(
        local.starts_with("driver ") && !local.contains(&worker),
        "{local}"
    );

    assert_eq!(
        driver.ask("fall 2"),
        "Panicked: `calls::remote::fall` panicked at src/remote.rs:65:9: fell over a stone"
    );
    assert_eq!(
        self::worker(&mut driver),
        worker,
        "the worker keeps running"
    );

    let late = driver.ask("timeout 300");
    assert_eq!(
        late,
        "TimedOut: `calls::remote::wait_for_ever` did not answer within 300ms"
    );
    assert_eq!(
        driver.ask("drop 3"),
        "3 canceled in the worker",
        "a dropped call's future is dropped in the worker"
    );

    let output = driver.finish().success();
    assert_eq!(output.answer("panic message: "), "fell over a stone");
    assert_eq!(output.answer("panic location: "), "src/remote.rs:65:9");
    let frames: Vec<&str> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("panic frame: "))
        .collect();
    let stumble = "calls::remote::stumble at src/remote.rs:";
    assert!(frames.len() >= 4, "{frames:#?}");
    assert!(
        frames[..3].iter().all(|frame| frame.starts_with(stumble)),
        "innermost first: {frames:#?}"
    );
    assert!(
        frames[0].ends_with(":65") && frames[1].ends_with(":67"),
        "{frames:#?}"
    );
    assert!(
        frames[3].starts_with("calls::remote::fall") && frames[3].ends_with("src/remote.rs:59"),
        "{frames:#?}"
    );
    assert!(
        !frames
            .iter()
            .any(|frame| frame.contains("tokio") || frame.contains("std::")),
        "{frames:#?}"
    );
}

#[test]
fn function_output_is_printed_before_its_result() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("speak").success();
    let stdout: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        stdout,
        [
            "rust out",
            "c out",
            "child out",
            "speak: child exit status: 0"
        ]
    );
    let stderr: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.ends_with(" err"))
        .collect();
    assert_eq!(stderr, ["rust err", "child err"]);

    // The log has it too.
    let logs = project.kt(["logs"]).success();
    for line in ["rust out", "c out", "child out", "rust err", "child err"] {
        assert!(logs.stdout.contains(line), "no {line:?} in {logs:?}");
    }
}

#[test]
fn output_of_concurrent_calls_is_printed_before_each_result() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("sing 64 100").success();
    let (mut printed, mut returned) = (HashSet::new(), 0);
    for line in output.stdout.lines() {
        match line.split_once(' ') {
            Some(("printed", line)) => assert!(printed.insert(line), "printed {line} twice"),
            Some(("returned", line)) => {
                assert!(
                    printed.contains(line),
                    "returned {line} before it was printed"
                );
                returned += 1;
            }
            _ => assert_eq!(line, "sing 64 100: 6400 lines"),
        }
    }
    assert_eq!((printed.len(), returned), (6400, 6400));
}

#[test]
fn locked_stdout_does_not_delay_other_answers() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("lock").success();
    assert_eq!(output.answer("lock: "), "held true, released true");
}

#[test]
fn two_drivers_call_one_worker_at_the_same_time() {
    let project = Project::of(Fixture::CALLS);
    let mut first = driver(&project);
    let mut second = driver(&project);
    first.send("sleep 1000");
    let worker = worker(&mut second);
    assert_eq!(
        first.wait_for("sleep 1000: "),
        format!("sleep 1000: {worker}")
    );
    first.finish().success();
    second.finish().success();
}

#[test]
fn call_under_plain_cargo_run_runs_in_place() {
    let project = Project::of(Fixture::CALLS);
    let output = project
        .plain_cargo(["run", "--quiet", "--", "pids"])
        .success();
    let parts: Vec<&str> = output.answer("pids: ").split(' ').collect();
    assert_eq!(parts[1], parts[3], "driver and worker are one process");
    assert!(project.services().is_empty(), "no service was started");
}

#[test]
fn values_survive_any_serde_attribute() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = driver(&project);
    let worker = worker(&mut driver);
    assert_eq!(driver.ask("values"), "as they were sent");
    let login = driver.ask("login");
    assert!(
        login.starts_with(
            "Codec: the arguments of `calls::values::count` cannot be sent: the worker cannot decode them: `[0]` of \
             argument 1 (`"
        ) && login.ends_with("::Login>`): missing field `password`"),
        "{login}"
    );
    assert_eq!(
        self::worker(&mut driver),
        worker,
        "the worker keeps running"
    );
    assert_eq!(driver.ask("forward 2"), "2");
    let inner = driver.ask("forward 0");
    assert!(
        inner.starts_with("inner `calls::remote::fall` panicked at src/remote.rs:"),
        "{inner}"
    );
    driver.finish();
}

#[test]
fn deeply_nested_values_crash_neither_process() {
    let project = Project::of(Fixture::CALLS);
    let mut driver = driver(&project);
    let worker = worker(&mut driver);
    for depth in [2000, 4900] {
        let answer = driver.ask(&format!("deep {depth}"));
        assert_eq!(answer, format!("{depth}, {depth}, {depth}"));
    }
    let answer = driver.ask("deep 12000");
    let reason = "it is nested more than 10000 levels deep";
    assert_eq!(answer.matches(reason).count(), 3, "{answer}");
    assert!(
        answer.contains("this program cannot encode them"),
        "{answer}"
    );
    assert!(answer.contains("the worker cannot encode it"), "{answer}");
    assert_eq!(
        self::worker(&mut driver),
        worker,
        "the worker keeps running"
    );
    driver.finish().success();
}

#[test]
fn timeout_covers_the_encoding_of_a_large_argument() {
    let project = Project::of(Fixture::CALLS);
    let answer = project.run_with("large 20");
    let answer = answer.answer("large 20: ");
    let numbers = answer
        .strip_prefix("`calls::values::sum` did not answer within 20ms after ")
        .unwrap_or_else(|| panic!("{answer}"));
    let numbers: Vec<u64> = numbers
        .split(", ")
        .map(|number| number.trim_end_matches(" ms").parse().expect("a number"))
        .collect();
    // Encoding it takes far longer in an unoptimized build.
    assert!(numbers.iter().all(|ms| *ms < 300), "{answer}");
}

#[test]
fn panic_in_serialize_shows_only_user_frames() {
    let project = Project::of(Fixture::CALLS);
    let output = project.run_with("refuse");
    assert_eq!(output.answer("panic message: "), "no bytes for this");
    let frames: Vec<&str> = output
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("panic frame: "))
        .collect();
    assert!(frames[0].contains("Refused"), "{frames:#?}");
    for frame in &frames {
        let function = frame.split(" at ").next().unwrap_or(frame);
        assert!(
            !function.starts_with("kt::") && !function.contains("codec::Encoder"),
            "{frames:#?}"
        );
    }
}
