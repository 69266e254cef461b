//! Pods that are deleted, restarted or killed under a running program.

use std::{thread, time::Duration};

use tests::{
    Fixture, Project, Running,
    cluster::{Namespace, dev_kubeconfig, image},
};

fn pod(namespace: &Namespace) -> String {
    let name = namespace.kubectl(&["get", "pods", "--output", "name"]);
    let [pod] = &name.lines().collect::<Vec<_>>()[..] else {
        panic!("not one pod: {name}");
    };
    (*pod).to_owned()
}

fn started(project: &Project) -> Running {
    let driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    driver
}

/// Runs a test with each kind of workload: the user's role decides which one kt creates.
fn with_each_workload(test: impl Fn(&Namespace, &Project)) {
    for rights in ["rbac.yaml", "rbac-job.yaml"] {
        let namespace = Namespace::new();
        namespace.grant_dev(rights);
        let mut project = namespace.project(Fixture::POD, &image::debian());
        project.environment("KUBECONFIG", dev_kubeconfig().display());
        test(&namespace, &project);
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn call_after_pod_deletion_works_and_reports_the_lost_state() {
    with_each_workload(a_pod_is_deleted);
}

fn a_pod_is_deleted(namespace: &Namespace, project: &Project) {
    let mut driver = started(project);
    assert_eq!(driver.ask("count"), "1");
    assert_eq!(driver.ask("count"), "2");
    namespace.kubectl(&["delete", &pod(namespace)]);
    // Only a call that was in flight may fail.
    let mut answer = driver.ask("count");
    if answer.starts_with("error: ") {
        assert!(answer.contains("its state was lost"), "{answer}");
        answer = driver.ask("count");
    }
    assert_eq!(answer, "1");
    driver.finish().says("was replaced and its state is lost");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn host_finds_its_store_after_a_container_restart() {
    with_each_workload(a_container_is_restarted);
}

fn a_container_is_restarted(namespace: &Namespace, project: &Project) {
    let mut driver = started(project);
    assert_eq!(driver.ask("count"), "1");
    let restarts = || {
        let pods = namespace.get(&["pods"]);
        pods[0]["status"]["containerStatuses"][0]["restartCount"].as_u64()
    };
    assert_eq!(restarts(), Some(0));
    // The host is the container's init: SIGKILL from inside has no effect on it, see
    // pid_namespaces(7).
    namespace.kubectl(&[
        "exec",
        &pod(namespace),
        "--",
        "/bin/sh",
        "-c",
        "kill -TERM 1",
    ]);
    namespace.wait_for("restart", || (restarts() == Some(1)).then_some(()));
    assert_eq!(driver.ask("count"), "1");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn call_that_exceeds_the_pods_memory_fails_and_the_next_works() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::debian());
    let mut driver = started(&project);
    assert_eq!(driver.ask("count"), "1");
    // The pod has 1 GiB. The kernel kills its worker, or on some clusters the whole container.
    let failed = driver.ask("take 4000");
    assert!(
        failed.contains("signal 9 (SIGKILL), and the kernel ran out of memory")
            || failed.contains("connection lost"),
        "{failed}"
    );
    assert_eq!(driver.ask("count"), "1");
    driver.finish().success();
}

/// Longer than a host may be silent before it counts as stopped: `limits::HEARD` in kt-runtime.
const AWAY: Duration = Duration::from_secs(12);

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn call_waits_for_a_pod_that_is_slow_to_return() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::POD, &image::debian());
    let mut driver = started(&project);
    assert_eq!(driver.ask("count"), "1");
    let scale = |replicas: &str| {
        namespace.kubectl(&["scale", "deployment", "--all", "--replicas", replicas]);
    };
    scale("0");
    namespace.kubectl(&["wait", "--for=delete", "pods", "--all", "--timeout=60s"]);
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(AWAY);
            scale("1");
        });
        driver.ask("count")
    });
    assert_eq!(answer, "1");
    driver.finish().says("was replaced and its state is lost");
}
