//! How long services live, and what is left of them.

use std::time::{Duration, Instant};

use tests::{
    Fixture,
    cluster::{Namespace, image},
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

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_service_ends_a_second_after_its_time_at_most_and_not_before() {
    const TTL: Duration = Duration::from_secs(5);
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.kt(["run", "--inactivity-ttl", "5s"]).success();
    let ended = Instant::now();
    namespace.wait_for("deletion", || {
        let deployments = namespace.get(&["deployments"]);
        let deleted = |it: &serde_json::Value| it["metadata"]["deletionTimestamp"].is_string();
        deployments.iter().all(deleted).then_some(())
    });
    let lived = ended.elapsed();
    // The last call was over a little before the program was.
    assert!(
        lived > TTL - Duration::from_secs(1) && lived < TTL + Duration::from_secs(2),
        "{lived:?}"
    );
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
