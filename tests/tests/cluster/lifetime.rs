//! How long services run, and what remains after them.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{
    Fixture, Project,
    cluster::{Namespace, dev_kubeconfig, image},
};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn down_deletes_every_labeled_object() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success();
    assert!(
        namespace.managed_objects().len() >= 7,
        "{:#?}",
        namespace.managed_objects()
    );
    let services = project.services();
    let name = services[0]["name"].as_str().expect("a service has a name");
    project.kt(["down", name]).success();
    assert_eq!(namespace.managed_objects(), [""; 0]);
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
        namespace.managed_objects().is_empty().then_some(())
    });
}

/// Runs the program once, and checks that its service stops after its TTL.
#[track_caller]
fn assert_stops_after_ttl(
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
        let found = namespace.get(&[kind]);
        found.iter().all(&ended).then_some(())
    });
    let elapsed = last_use.elapsed();
    println!("{kind}: {elapsed:.1?}");
    // The last call finished a little before the program.
    assert!(
        elapsed > TTL - Duration::from_secs(1) && elapsed < TTL + Duration::from_secs(2),
        "{elapsed:?}"
    );
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn deployment_stops_after_its_ttl_and_not_before() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    assert_stops_after_ttl(&namespace, &project, "deployments", |it| {
        it["metadata"]["deletionTimestamp"].is_string()
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn job_stops_after_its_ttl_and_not_before() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac-job.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    project.environment("KUBECONFIG", dev_kubeconfig().display());
    // The status follows a second or two later.
    assert_stops_after_ttl(&namespace, &project, "pods", |it| {
        it["status"]["containerStatuses"][0]["state"]["terminated"].is_object()
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn call_longer_than_the_ttl_is_not_interrupted() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::debian());
    let mut driver = project.spawn_kt(["run", "--inactivity-ttl", "2s"]);
    driver.wait_for("ready");
    assert_eq!(driver.ask("sleep 6000"), "slept");
    assert_eq!(driver.ask("count"), "1");
    driver.finish().success();
    namespace.wait_for("end of the service", || {
        namespace.managed_objects().is_empty().then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn pod_waits_for_a_build_longer_than_its_ttl() {
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
fn pod_survives_a_compile_error() {
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
