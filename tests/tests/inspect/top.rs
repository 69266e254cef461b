use std::process::Stdio;

use super::program::project;

#[test]
fn a_look_has_numbers_and_the_calls_that_run() {
    let project = project();
    let holding = project.spawn_kt(["run", "--", "hold"]);
    holding.wait_for("holding");
    let mut looks = project
        .kt(["top", "--once", "--message-format", "json"])
        .success()
        .json();
    let look = looks.remove(0);
    assert!(looks.is_empty(), "{looks:#?}");
    assert_eq!(
        (&look["reason"], &look["name"]),
        (&"kt-top".into(), &"tester-one".into())
    );
    for number in ["rss", "threads", "open_files"] {
        assert!(look[number].as_u64() > Some(0), "{number} of {look:#}");
    }
    assert!(look["cpu_percent"].as_f64().is_some(), "{look:#}");
    assert_eq!(
        (&look["generation"], &look["reloads"]),
        (&1.into(), &0.into())
    );
    let call = &look["calls"][0];
    assert_eq!(
        (&call["function"], &call["generation"]),
        (&"one::hold".into(), &1.into())
    );
    assert!(call["age_ms"].is_u64(), "{look:#}");
    assert_eq!(look["states"][0]["key"], "one/one:one::CALLS");
    project
        .kt(["top"])
        .success()
        .prints("one::hold")
        .prints("THREADS");
    holding.interrupt();
    let _ = holding.finish();
}

#[test]
fn it_refreshes_in_place_in_ten_columns_until_ctrl_c_or_the_end_of_the_service() {
    let project = project();
    project.run_with("say hello").success();
    let top = project.spawn_kt_on_screen(10, ["top", "--interval", "100ms"]);
    top.wait_for("worker 1 (");
    top.interrupt();
    let shown = top.finish().success().stdout;
    assert!(shown.contains("\u{1b}[H\u{1b}[J"), "{shown:?}");
    let narrow = |line: &str| {
        line.replace("\u{1b}[H\u{1b}[J", "")
            .trim_end()
            .chars()
            .count()
            <= 10
    };
    assert!(
        shown
            .split(['\r', '\n'])
            .all(|line| narrow(line) || line.contains('^')),
        "{shown:?}"
    );

    let top = project.spawn_kt_on_screen(10, ["top", "--interval", "100ms"]);
    top.wait_for("worker 1 (");
    project.kt(["down", "tester-one"]).success();
    let ended = top.finish().success().stdout;
    assert!(ended.contains("tester-one stopped"), "{ended:?}");
    project.run_with("say hello").success();

    // A reader that has seen enough ends it without a word.
    let mut command = project.cargo();
    command.args([
        "kt",
        "top",
        "--interval",
        "100ms",
        "--message-format",
        "json",
    ]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("cargo starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
}
