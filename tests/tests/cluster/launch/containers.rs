use tests::{
    Fixture,
    cluster::{Namespace, image},
};

use super::{AT_ONCE, refused};

/// A sidecar that is there before our container, and takes the port on which the first stage wants to listen.
const NEIGHBOUR: &str = "spec: {initContainers: [{name: other, image: IMAGE, restartPolicy: Always, \
     command: [/bin/sh, -c, 'nc -ll -p 9461 -e cat'], resources: {limits: {cpu: 10m, memory: 16Mi}}, \
     startupProbe: {tcpSocket: {port: 9461}, periodSeconds: 1}}]}";

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_crashing_container_is_shown_with_its_last_lines() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let neighbour = NEIGHBOUR.replace("IMAGE", &image::without_glibc());
    let options = ["--pod-template", &neighbour];
    let output = refused("crash", (&namespace, &project), AT_ONCE, &options);
    output.says("last lines of the container's log");

    let crashing = neighbour.replace("nc -ll -p 9461 -e cat", "echo no database here; exit 3");
    let options = ["--pod-template", &crashing];
    let output = refused("crash_before", (&namespace, &project), AT_ONCE, &options);
    output.says("no database here");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn secrets_and_accounts_that_are_not_there_are_named() {
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
        ("missing_account", "--service-account", "nobody"),
        ("missing_priority", "--priority-class", "nowhere"),
        ("missing_runtime", "--runtime-class", "nowhere"),
    ] {
        refused(name, context, AT_ONCE, &[option, value]);
    }
    // The image's own user is root, and the pod says that it is not.
    let root = ["--user", "image"];
    refused("root", context, AT_ONCE, &root);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn a_failed_launch_is_left_to_look_at_if_asked_for() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let secret = "[{name: nowhere, env: true}]";
    let output = project.kt(["run", "--secrets", secret, "--keep"]).code(101);
    let kept = namespace.get(&["pods"]);
    assert_eq!(kept.len(), 1, "{output:?}");
    // The same again finds it, and what was missing has come.
    namespace.kubectl(&["create", "secret", "generic", "nowhere"]);
    let output = project.kt(["run", "--secrets", secret, "--keep"]).success();
    output.clone().prints("hello Alice, visit 1");
}
