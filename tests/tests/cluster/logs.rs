//! Logs of pods, with and without a running driver.

use std::{fs, time::Duration};

use tests::{
    Fixture,
    cluster::{Namespace, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn pod_log_has_only_the_programs_lines() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::distroless());
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    for word in ["one", "two"] {
        assert_eq!(driver.ask(&format!("say {word}")), "said");
    }
    let output = driver.finish().success();
    // The driver prints the lines too, each before its call's answer.
    let position = |text: &str| {
        output
            .stdout
            .find(text)
            .unwrap_or_else(|| panic!("{output:?}"))
    };
    assert!(position("one\n") < position("say one: said"), "{output:?}");

    let pods = namespace.kubectl(&["get", "pods", "--output", "name"]);
    let of_pod = namespace.kubectl(&["logs", pods.trim()]);
    assert_eq!(of_pod, "one\ntwo\n");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn logs_are_read_and_followed_without_a_driver() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::debian());
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver.ask("say first");
    driver.finish().success();
    assert_eq!(project.kt(["logs"]).success().stdout, "first\n");

    let follower = project.spawn_kt(["logs", "--follow"]);
    follower.wait_for("first");
    let mut driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver.ask("say second");
    follower.wait_for("second");
    driver.finish().success();

    // `--since 1s` leaves older lines out; the log's timestamps have that precision.
    std::thread::sleep(Duration::from_secs(3));
    let recent = project.kt(["logs", "--since", "1s"]).success();
    assert_eq!(recent.stdout, "");
    let all = project.kt(["logs", "--since", "1h"]).success();
    assert_eq!(all.stdout, "first\nsecond\n");
    // `logs --follow` exits when its service stops.
    project.kt(["down", "--all"]).success();
    follower.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn no_log_contains_the_token() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    project.environment("KT_LOG", "trace");
    let run = project.kt(["run", "--env", "KT_LOG=trace"]).success();
    let template = "{{range .items}}{{with .data.token}}{{base64decode .}}{{end}}{{end}}";
    let output = format!("--output=go-template={template}");
    let token = namespace.kubectl(&["get", "secrets", &output]);
    let token = token.trim();
    assert!(token.len() >= 32, "{token:?} is not a token");

    let host = project.kt(["logs", "--host"]).success();
    assert!(host.stdout.contains("DEBUG"), "{host:?}");
    let mut logs = vec![run.stderr, host.stderr, host.stdout];
    let tunnels = fs::read_dir(project.private().join("run/.tunnels"));
    for tunnel in tunnels.expect("the tunnel has a directory") {
        let folder = tunnel.expect("it can be read").path();
        logs.push(fs::read_to_string(folder.join("tunnel.log")).expect("it has a log"));
    }
    assert!(
        logs.last()
            .is_some_and(|log| log.contains("connected to pod"))
    );
    for log in &logs {
        assert!(!log.contains(token), "{log}");
    }
}
