//! What may lie between a developer and a pod.

use tests::{
    Fixture, Project, Proxy, Running,
    cluster::{Namespace, image, kubeconfig_with},
};

/// A project whose kubeconfig has the proxy in it, with a driver that runs.
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
fn a_proxy_in_between_makes_no_difference() {
    let namespace = Namespace::new();
    let proxy = Proxy::start();
    let (_project, mut driver) = through(&proxy, &namespace);
    assert_eq!(driver.ask("count"), "1");
    assert!(proxy.carried() > 0);
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_connection_that_breaks_is_made_again_and_nothing_is_lost_in_the_pod() {
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
        failed.contains("the connection was lost")
            && failed.contains("it may have been carried out"),
        "{failed}"
    );
    // The same pod, with what it holds.
    assert_eq!(driver.ask("count"), "2");
    driver.finish().success();
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_tunnel_that_was_killed_is_replaced() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    project.run().success().prints("hello Alice, visit 1");
    let tunnels = project.background_processes("tunnel");
    let [tunnel] = &tunnels[..] else {
        panic!("not one tunnel: {tunnels:?}");
    };
    tunnel.signal(libc::SIGKILL);
    tunnel.assert_ends();
    project.run().success().prints("hello Alice, visit 2");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn clocks_that_differ_by_an_hour_do_not_matter() {
    for shift in ["+1h", "-1h"] {
        let namespace = Namespace::new();
        let mut project = namespace.project(Fixture::ONE, &image::debian());
        // libfaketime(1): what the cluster's other side believes of the time, and no more.
        project.environment("LD_PRELOAD", tests::cluster::FAKETIME);
        project.environment("FAKETIME", shift);
        project.environment("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let run = project.kt(["run", "--inactivity-ttl", "5s"]).success();
        run.prints("hello Alice, visit 1");
        namespace.wait_for("end of the service", || {
            namespace.ours().is_empty().then_some(())
        });
    }
}
