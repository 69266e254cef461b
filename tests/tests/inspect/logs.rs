use std::fs;

use serde_json::Value;
use tests::Project;

use super::program::project;

/// The log's lines as JSON.
fn lines(project: &Project, arguments: &[&str]) -> Vec<Value> {
    let all = ["logs", "--message-format", "json"].iter().chain(arguments);
    let mut lines = project.kt(all.copied()).success().json();
    let summary = lines.pop().expect("a summary comes last");
    assert_eq!(summary["reason"], "kt-log-summary");
    lines
}

#[track_caller]
fn line<'a>(lines: &'a [Value], text: &str) -> &'a Value {
    let mut found = lines.iter().filter(|line| line["text"] == text);
    let line = found.next();
    line.unwrap_or_else(|| panic!("no {text:?} in {lines:#?}"))
}

#[test]
fn lines_name_their_call_or_that_it_is_unknown() {
    let project = project();
    project.run_with("say by the first").success();
    project.run_with("error by the second").success();
    project.run_with("child by a child").success();
    project.run_with("meet").success();
    let file = project.private().join("now");
    project
        .run_with(&format!("thread {}", file.display()))
        .success();
    let following = project.spawn_kt(["logs", "--follow", "--grep", "by a thread"]);
    fs::write(&file, "").expect("it can be written");
    following.wait_for("printed by a thread");
    following.interrupt();
    following.finish().code(130).says("did not match");

    let all = lines(&project, &[]);
    let first = line(&all, "by the first");
    assert_eq!(first["attribution"], "call", "{first:#}");
    assert_eq!(
        (&first["call"], &first["function"], &first["stream"]),
        (&1.into(), &"one::say".into(), &"stdout".into())
    );
    assert_eq!(
        (&first["worker"], &first["generation"]),
        (&1.into(), &1.into())
    );
    let second = line(&all, "by the second");
    assert_eq!(
        (&second["call"], &second["stream"]),
        (&2.into(), &"stderr".into())
    );
    let child = line(&all, "by a child");
    assert_eq!(
        (&child["call"], &child["function"]),
        (&3.into(), &"one::have_a_child_say".into())
    );
    // Two calls ran: the pipe does not say which of them it was, but both entered one generation.
    for text in ["one met", "other met"] {
        let met = line(&all, text);
        assert_eq!(met["attribution"], "several-calls", "{met:#}");
        assert_eq!(
            (&met["call"], &met["generation"]),
            (&Value::Null, &1.into())
        );
        let candidates = met["candidates"].as_array().expect("they are named");
        assert_eq!(candidates.len(), 2, "{met:#}");
    }
    let thread = line(&all, "printed by a thread");
    assert_eq!(
        (&thread["attribution"], &thread["generation"]),
        (&"no-call".into(), &Value::Null)
    );

    let of_call = lines(&project, &["--call", "1"]);
    assert_eq!(of_call.len(), 1, "{of_call:#?}");
    assert_eq!(lines(&project, &["--call", "2.1"]).len(), 0);
    assert_eq!(lines(&project, &["--generation", "1"]).len(), 5);
    project
        .kt(["logs", "--call", "4"])
        .success()
        .says("2 of them may match, but other calls may have printed them");
    let shown = project.kt(["logs", "--show-calls"]).success().stdout;
    for text in [
        "1.1 one::say | by the first\n",
        "1 of 2 calls | one met\n",
        "     no call | printed by a thread\n",
    ] {
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    }
}

#[test]
fn log_survives_workers_and_names_the_worker_of_each_line() {
    let project = project();
    project.run_with("say in the first worker").success();
    project.run_with("crash").success();
    project.run_with("say in the second worker").success();
    let all = lines(&project, &[]);
    assert_eq!(line(&all, "in the first worker")["worker"], 1);
    let second = line(&all, "in the second worker");
    assert_eq!((&second["worker"], &second["call"]), (&2.into(), &1.into()));
    line(&all, "about to crash");
    project.kt(["down", "tester-one"]).success();
    let after = [
        "logs",
        "tester-one",
        "--message-format",
        "json",
        "--call",
        "1.1",
    ];
    let after = project.kt(after).success().json();
    assert_eq!(after[0]["text"], "in the first worker", "{after:#?}");
}

#[test]
fn lines_are_filtered_and_omitted_lines_are_counted() {
    let project = project();
    project.run_with("lines 30").success();
    let logs = |arguments: &[&str]| {
        project
            .kt(["logs"].iter().chain(arguments).copied())
            .success()
    };
    assert_eq!(logs(&[]).stdout.lines().count(), 30);
    let tail = logs(&["--tail", "2"]);
    assert_eq!(tail.stdout, "line 28\nline 29\n");
    tail.says("2 lines shown, 28 not shown: 28 lines before the tail");
    let chosen = logs(&["--grep", "^line .5$", "--tail", "1", "--since", "1h"]);
    assert_eq!(chosen.stdout, "line 25\n");
    chosen
        .says("28 lines did not match")
        .says("1 line before the tail");
    assert_eq!(logs(&["--tail", "0"]).stdout, "");
    logs(&["--tail", "30", "-q"]).does_not_report("note");
    project.kt(["logs", "--grep", "("]).code(2).says("--grep");
    project
        .kt(["logs", "--call", "x"])
        .code(2)
        .says("expected a call number such as 17");

    // `--follow` continues where the tail ended.
    let following = project.spawn_kt(["logs", "-f", "--tail", "1", "--grep", "line|after"]);
    following.wait_for("line 29");
    project.run_with("say and after").success();
    following.wait_for("and after");
    project.kt(["down", "tester-one"]).success();
    let output = following.finish().success();
    assert_eq!(output.stdout, "line 29\nand after\n");
}

#[test]
fn control_sequences_are_escaped_on_a_terminal() {
    let project = project();
    project
        .run_with("say ESC[31mred ESC[2J ESC]0;title ESC[6n")
        .success();
    let bytes = "\u{1b}[31mred \u{1b}[2J \u{1b}]0;title \u{1b}[6n\n";
    assert_eq!(
        project.kt(["logs"]).success().stdout,
        bytes,
        "a pipe gets the bytes"
    );
    for arguments in [&["logs"][..], &["logs", "--tail", "1"]] {
        let screen = project.spawn_kt_on_screen(10, arguments.iter().copied());
        let shown = screen.finish().success().stdout;
        let text = "\u{1b}[31mred \\x1b[2J \\x1b]0;title \\x1b[6n";
        assert!(shown.contains(text), "{shown:?}");
    }
    let screen = project.spawn_kt_on_screen(80, ["logs", "--raw"]);
    assert!(screen.finish().success().stdout.contains("\u{1b}[2J"));
}
