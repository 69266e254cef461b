use std::process::Stdio;

use super::program::project;

#[test]
fn top_once_shows_resources_and_running_calls() {
    let project = project();
    let holding = project.spawn_kt(["run", "--", "hold"]);
    holding.wait_for("holding");
    let mut snapshots = project
        .kt(["top", "--once", "--message-format", "json"])
        .success()
        .json();
    let snapshot = snapshots.remove(0);
    assert!(snapshots.is_empty(), "{snapshots:#?}");
    assert_eq!(
        (&snapshot["reason"], &snapshot["name"]),
        (&"kt-top".into(), &"tester-one".into())
    );
    for number in ["rss", "threads", "open_files"] {
        assert!(
            snapshot[number].as_u64() > Some(0),
            "{number} of {snapshot:#}"
        );
    }
    assert!(snapshot["cpu_percent"].as_f64().is_some(), "{snapshot:#}");
    assert_eq!(
        (&snapshot["generation"], &snapshot["reloads"]),
        (&1.into(), &0.into())
    );
    let call = &snapshot["calls"][0];
    assert_eq!(
        (&call["function"], &call["generation"]),
        (&"one::hold".into(), &1.into())
    );
    assert!(call["age_ms"].is_u64(), "{snapshot:#}");
    assert_eq!(snapshot["states"][0]["key"], "one/one:one::CALLS");
    project
        .kt(["top"])
        .success()
        .prints("one::hold")
        .prints("THREADS");
    holding.interrupt();
    let _ = holding.finish();
}

#[test]
fn top_refreshes_until_ctrl_c_or_the_service_stops() {
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

    // It exits quietly when its reader closes stdout.
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
