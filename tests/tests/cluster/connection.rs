//! Networks between a developer and a pod: proxies, cut connections, clock skew.

use std::process::Command;

use tests::{
    Fixture, Project, Proxy, Running,
    cluster::{Namespace, image, kubeconfig_with},
};

/// A project whose kubeconfig names the proxy, and its running driver.
fn through(proxy: &Proxy, namespace: &Namespace) -> (Project, Running) {
    let mut project = namespace.project(Fixture::POD, &image::debian());
    let path = project.private().join("kubeconfig");
    kubeconfig_with(&path, |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = proxy.url().into();
    });
    project.environment("KUBECONFIG", path.display());
    let driver = project.spawn_kt(["run"]);
    driver.wait_for("ready");
    (project, driver)
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn calls_work_through_a_proxy() {
    let namespace = Namespace::new();
    let proxy = Proxy::start();
    let (_project, mut driver) = through(&proxy, &namespace);
    assert_eq!(driver.ask("count"), "1");
    assert!(proxy.carried() > 0);
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn lost_connection_is_reopened_and_the_pod_keeps_its_state() {
    let namespace = Namespace::new();
    let proxy = Proxy::start();
    let (project, mut driver) = through(&proxy, &namespace);
    assert_eq!(driver.ask("count"), "1");
    driver.send("sleep 30000");
    // The call has arrived: the service counts it.
    namespace.wait_for("call in flight", || {
        let services = project.services();
        (services[0]["worker"]["calls"] == 1).then_some(())
    });
    proxy.cut();
    let failed = driver.wait_for("sleep 30000: ");
    assert!(
        failed.contains("connection lost") && failed.contains("the function may have run"),
        "{failed}"
    );
    // The same pod, with its state.
    assert_eq!(driver.ask("count"), "2");
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn killed_tunnel_is_replaced() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success().prints("hello Alice, visit 1");
    let tunnels = project.background_processes("tunnel");
    let [tunnel] = &tunnels[..] else {
        panic!("not one tunnel: {tunnels:?}");
    };
    tunnel.signal(libc::SIGKILL);
    tunnel.assert_exits();
    project.run().success().prints("hello Alice, visit 2");
}

/// A library that shifts the clock of the processes that load it.
fn shifted_clock(project: &Project, seconds: i64) -> String {
    let source = tests::checkout().join("tests/fixtures/clock.c");
    let library = project.private().join("clock.so").display().to_string();
    let shift = format!("-DSHIFT={seconds}");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", &shift, "-o", &library])
        .arg(source)
        .status();
    assert!(built.expect("cc runs").success());
    library
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn clock_skew_of_an_hour_does_not_matter() {
    for seconds in [3600, -3600] {
        let namespace = Namespace::new();
        let mut project = namespace.project(Fixture::ONE, &image::debian());
        // Before the clock changes: cargo compares timestamps of files.
        project.kt(["build", "--place", "local"]).success();
        let clock = shifted_clock(&project, seconds);
        project.environment("LD_PRELOAD", clock);
        let run = project.kt(["run", "--inactivity-ttl", "5s"]).success();
        run.prints("hello Alice, visit 1");
        namespace.wait_for("end of the service", || {
            namespace.managed_objects().is_empty().then_some(())
        });
    }
}
