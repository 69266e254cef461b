use tests::{
    Fixture,
    cluster::{Namespace, image},
};

use super::{AT_ONCE, refused};

/// A sidecar that starts before kt's container and occupies the first stage's port.
const NEIGHBOR: &str = "spec: {initContainers: [{name: other, image: IMAGE, restartPolicy: Always, \
     command: [/bin/sh, -c, 'nc -ll -p 9461 -e cat'], resources: {limits: {cpu: 10m, memory: 16Mi}}, \
     startupProbe: {tcpSocket: {port: 9461}, periodSeconds: 1}}]}";

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn crashing_container_error_shows_its_last_log_lines() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let neighbor = NEIGHBOR.replace("IMAGE", &image::without_glibc());
    let options = ["--pod-template", &neighbor];
    let output = refused("crash", (&namespace, &project), AT_ONCE, &options);
    output.says("last lines of the container's log");

    let crashing = neighbor.replace("nc -ll -p 9461 -e cat", "echo no database here; exit 3");
    let options = ["--pod-template", &crashing];
    let output = refused("crash_before", (&namespace, &project), AT_ONCE, &options);
    output.says("no database here");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn missing_secrets_and_accounts_are_named() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let context = (&namespace, &project);
    for (name, option, value) in [
        (
            "missing_secret",
            "--secrets",
            "[{name: nowhere, env: true}]",
        ),
        (
            "missing_secret_files",
            "--secrets",
            "[{name: nowhere, mount: /secret}]",
        ),
        ("missing_account", "--service-account", "nowhere"),
        ("missing_priority", "--priority-class", "nowhere"),
        ("missing_runtime", "--runtime-class", "nowhere"),
    ] {
        refused(name, context, AT_ONCE, &[option, value]);
    }
    // The image's user is root, but the pod has `runAsNonRoot`.
    let root = ["--user", "image"];
    refused("root", context, AT_ONCE, &root);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn keep_leaves_a_failed_launch_for_inspection() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let secret = "[{name: nowhere, env: true}]";
    let output = project.kt(["run", "--secrets", secret, "--keep"]).code(101);
    let kept = namespace.get(&["pods"]);
    assert_eq!(kept.len(), 1, "{output:?}");
    // The next run finds the pod, and by now the secret exists.
    namespace.kubectl(&["create", "secret", "generic", "nowhere"]);
    let output = project.kt(["run", "--secrets", secret, "--keep"]).success();
    output.clone().prints("hello Alice, visit 1");
}
