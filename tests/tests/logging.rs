//! kt's own log: `KT_LOG`, `host.log` and `cargo kt logs --host`.

use std::{fs, path::Path};

use tests::{Fixture, Output, Project};

/// Each secret has another text before this one.
const SECRET: &str = "sekrit";

/// A program that prints the phases of its run, and whose state keeps what its function receives.
fn project() -> Project {
    let project = Project::of(Fixture::ONE);
    project.edit(
        "src/main.rs",
        "#[kt::remote]",
        "#[kt::state]\nstatic LAST: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());\n\n#[kt::remote]",
    );
    project.edit(
        "src/main.rs",
        "    let visit",
        "    LAST.lock().unwrap().clone_from(&name);\n    let visit",
    );
    project.edit(
        "src/main.rs",
        "    println!(\"{}\", greet(\"Alice\".into()).await?);",
        "    let name = std::env::args().nth(1).unwrap_or_default();
    println!(\"{}\", greet(name).await?.len());
    for phase in kt::Run::current().unwrap().phases {
        println!(\"phase {}\", phase.name);
    }",
    );
    project
}

/// The events of a log that have this text.
fn events<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(text)).collect()
}

/// The phases in a log, and those that the program printed.
fn phases(run: &Output) -> (Vec<&str>, Vec<&str>) {
    let logged = events(&run.stderr, "phase completed")
        .into_iter()
        .map(|event| {
            let (_, rest) = event.split_once("phase=\"").expect("it has a name");
            rest.split_once('"').expect("the name ends").0
        });
    let printed = run.stdout.lines();
    let printed = printed.filter_map(|line| line.strip_prefix("phase "));
    (logged.collect(), printed.collect())
}

#[test]
fn the_log_and_the_program_have_the_same_phases() {
    let mut project = project();
    project.environment("KT_LOG", "debug");
    for _ in ["cold", "warm"] {
        let run = project.run().success();
        let (logged, printed) = phases(&run);
        assert_eq!(printed, ["compile", "link", "ship and swap"]);
        assert_eq!(logged, printed, "{run:?}");
    }
}

/// The lines of the log: the terminal prints the program's arguments.
fn own_lines(run: &Output) -> String {
    let has_time = |line: &&str| line.starts_with(|letter: char| letter.is_ascii_digit());
    let lines: Vec<&str> = run.stderr.lines().filter(has_time).collect();
    lines.join("\n")
}

/// The files with output of kt's processes.
fn log_files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            log_files(&path, found);
            continue;
        }
        let text = path.to_string_lossy().into_owned();
        if text.contains("/logs/") || text.contains(".log") || text.contains("stderr") {
            let bytes = fs::read(&path).expect("it can be read");
            found.push((text, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[test]
fn no_log_contains_a_secret() {
    let mut project = project();
    project.environment("KT_LOG", "trace");
    project.environment("DATABASE_URL", format!("variable-{SECRET}"));
    let setting = format!("env.KEY='setting-{SECRET}'");
    let argument = format!("argument-{SECRET}");
    let run = |password: &str| {
        let value = format!("PASSWORD={password}-{SECRET}");
        let arguments = [
            "run", "--env", &value, "--config", &setting, "--", &argument,
        ];
        project.kt(arguments).success()
    };
    let first = run("one");
    // Another environment needs another worker, which takes over the state.
    project.edit("src/main.rs", "hello {name}", "hi {name}");
    let second = run("other");
    project.kt(["state", "get", "LAST"]).success();

    let mut logs = vec![
        ("first".to_owned(), own_lines(&first)),
        ("second".to_owned(), own_lines(&second)),
    ];
    log_files(&project.private().join("home"), &mut logs);
    log_files(&project.private().join("run"), &mut logs);
    let host = logs.iter().find(|(name, _)| name.ends_with("/host.log"));
    let (_, host) = host.expect("the host has a log");
    for part in ["serving tester-one", "request", "connection", "swapped"] {
        assert!(host.contains(part), "no {part:?} in\n{host}");
    }
    for part in [
        "planning with cargo",
        "process started",
        "host started",
        "sending an object",
        "compile:",
        "connect:",
        "ship and swap:ship:",
        "call:",
    ] {
        assert!(logs[0].1.contains(part), "no {part:?} in\n{}", logs[0].1);
    }
    for (name, text) in &logs {
        assert!(!text.contains(SECRET), "{name}:\n{text}");
        // A level applies to kt's own crates.
        assert!(!text.contains(" h2::"), "{name}:\n{text}");
    }
}

#[test]
fn an_invalid_filter_is_an_error_with_help() {
    let mut project = Project::of(Fixture::ONE);
    project.environment("KT_LOG", "cargo_kt=loud");
    let output = project.kt(["ls"]).code(101);
    let output = output.says("error: invalid KT_LOG `cargo_kt=loud`: ");
    output.says("help: set it to a level such as `debug`");
}

#[test]
fn the_host_log_is_printed_and_followed() {
    let project = project();
    project.run().success();
    let logs = |arguments: &[&str]| {
        let all = ["logs", "--host"].iter().chain(arguments).copied();
        project.kt(all).success()
    };
    let all = logs(&[]).stdout;
    let first = all.lines().next().expect("it has lines");
    let (time, event) = first.split_once(' ').expect("it has a timestamp");
    assert!(time.ends_with('Z') && time.len() == 24, "{all}");
    assert!(event.contains("serving tester-one"), "{all}");
    assert!(all.contains("started, instance 1"), "{all}");
    // `KT_LOG` is not set.
    assert!(!all.contains("DEBUG"), "{all}");

    let serving = logs(&["--grep", "serves generation 1"]).stdout;
    assert_eq!(serving.lines().count(), 1, "{serving}");
    assert_eq!(logs(&["--tail", "1"]).stdout.lines().count(), 1);
    assert!(logs(&["--since", "1h"]).stdout.starts_with(&all));
    assert_eq!(logs(&["--since", "0s"]).stdout, "");
    let json = logs(&["--tail", "1", "--message-format", "json"]).json();
    assert_eq!(json[0]["reason"], "kt-host-log-line");
    project
        .kt(["logs", "--host", "--call", "1"])
        .code(2)
        .says("--call");

    let following = [
        "logs",
        "--host",
        "--follow",
        "--tail",
        "1",
        "--grep",
        "generation|stop",
    ];
    let following = project.spawn_kt(following);
    following.wait_for("serves generation 1");
    project.edit("src/main.rs", "hello {name}", "hi {name}");
    project.run().success();
    following.wait_for("serves generation 2");
    project.kt(["down", "tester-one"]).success();
    // The last line, written after the host has closed its connections.
    following.finish().success().prints("kt::host: stopped");

    let stopped = project.kt(["logs", "--host", "tester-one"]).success();
    assert!(stopped.stdout.starts_with(&all), "{}", stopped.stdout);
    project
        .kt(["logs", "--host", "tester-two"])
        .code(101)
        .says("no service named `tester-two`");
}
