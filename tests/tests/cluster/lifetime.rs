//! How long services live, and what is left of them.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{
    Fixture, Project,
    cluster::{Namespace, dev_kubeconfig, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn after_down_nothing_with_our_label_is_left() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    assert!(namespace.ours().len() >= 7, "{:#?}", namespace.ours());
    let services = project.services();
    let name = services[0]["name"].as_str().expect("a service has a name");
    project.kt(["down", name]).success();
    assert_eq!(namespace.ours(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn everything_is_owned_by_the_deployment() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    let services = project.services();
    let name = services[0]["name"].as_str().expect("a service has a name");
    namespace.kubectl(&["delete", "deployment", name]);
    namespace.wait_for("garbage collection", || {
        namespace.ours().is_empty().then_some(())
    });
}

/// Runs the program once, and measures how long its service then stays.
#[track_caller]
fn assert_lives_for_its_time(
    namespace: &Namespace,
    project: &Project,
    kind: &str,
    ended: impl Fn(&Value) -> bool,
) {
    const TTL: Duration = Duration::from_secs(5);
    project.kt(["run", "--inactivity-ttl", "5s"]).success();
    let last_use = Instant::now();
    assert_eq!(namespace.get(&[kind]).len(), 1);
    namespace.wait_for("end", || {
        let there = namespace.get(&[kind]);
        there.iter().all(&ended).then_some(())
    });
    let lived = last_use.elapsed();
    println!("{kind}: {lived:.1?}");
    // The last call was over a little before the program was.
    assert!(
        lived > TTL - Duration::from_secs(1) && lived < TTL + Duration::from_secs(2),
        "{lived:?}"
    );
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_deployment_ends_when_its_time_is_over_and_not_before() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    assert_lives_for_its_time(&namespace, &project, "deployments", |it| {
        it["metadata"]["deletionTimestamp"].is_string()
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_job_ends_when_its_time_is_over_and_not_before() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac-job.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
    // Its Job hears of it a second or two later.
    assert_lives_for_its_time(&namespace, &project, "pods", |it| {
        it["status"]["containerStatuses"][0]["state"]["terminated"].is_object()
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_call_that_lasts_longer_than_the_services_time_is_not_cut() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::debian());
    let mut driver = project.spawn_kt(["run", "--inactivity-ttl", "2s"]);
    driver.wait_for("ready");
    assert_eq!(driver.ask("sleep 6000"), "slept");
    assert_eq!(driver.ask("count"), "1");
    driver.finish().success();
    namespace.wait_for("end of the service", || {
        namespace.ours().is_empty().then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_pod_waits_for_a_program_that_compiles_longer_than_its_time() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    // A build script, which cargo runs before the program.
    project.write(
        "build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(8)); }\n",
    );
    let run = project.kt(["run", "--inactivity-ttl", "2s"]).success();
    run.prints("hello Alice, visit 1");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_program_that_does_not_compile_finds_its_pod_warm_the_next_time() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.edit("src/main.rs", "#[tokio::main]", "#[tokio::main");
    project.run().code(101);
    let pod = namespace.wait_for("pod", || namespace.get(&["pods"]).into_iter().next());
    project.edit("src/main.rs", "#[tokio::main", "#[tokio::main]");
    project.run().success().prints("hello Alice, visit 1");
    let after = namespace.get(&["pods"]);
    assert_eq!(after[0]["metadata"]["uid"], pod["metadata"]["uid"]);
}
