//! Users who cannot reach or use the cluster, and the errors they get.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tests::{
    Fixture, Output, Project, assert_error,
    cluster::{Namespace, dev_kubeconfig, image, kubeconfig_with, kubectl, read_kubeconfig},
};

/// A copy of the administrator's kubeconfig with `change` applied.
fn changed(project: &Project, change: impl FnOnce(&mut Value)) -> PathBuf {
    let path = project.private().join("kubeconfig");
    kubeconfig_with(&path, change);
    path
}

/// Checks that the command fails with this kubeconfig as in the snapshot, before it builds
/// anything.
#[track_caller]
fn refused(
    name: &str,
    (namespace, project): (&Namespace, &mut Project),
    kubeconfig: &Path,
) -> Output {
    project.environment("KUBECONFIG", kubeconfig.display());
    let output = project.run().code(101);
    assert_error!(name, namespace, *project, output);
    output
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unusable_kubeconfig_is_an_error() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    let nowhere = project.private().join("nowhere");
    let context = (&namespace, &mut project);
    refused("no_kubeconfig", context, &nowhere);

    let broken = project.private().join("broken");
    fs::write(&broken, "clusters: [").expect("/tmp can be written");
    refused("broken_kubeconfig", (&namespace, &mut project), &broken);

    let config = changed(&project, |config| config["current-context"] = "prod".into());
    refused("unknown_context", (&namespace, &mut project), &config);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unreachable_api_server_is_an_error() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    let config = changed(&project, |config| {
        // No process listens on port 1.
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    });
    refused("dead_server", (&namespace, &mut project), &config);
    let config = changed(&project, |config| {
        let cluster = &mut config["clusters"][0]["cluster"];
        cluster
            .as_object_mut()
            .expect("a cluster is an object")
            .remove("certificate-authority-data");
    });
    refused("unknown_authority", (&namespace, &mut project), &config);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn invalid_credentials_are_an_error() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    let config = changed(&project, |config| {
        config["users"][0]["user"] = serde_json::json!({"token": "expired"});
    });
    refused("expired_token", (&namespace, &mut project), &config);

    let plugin = |command: &str| {
        serde_json::json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never",
        }})
    };
    let config = changed(&project, |config| {
        config["users"][0]["user"] = plugin("no-such-credential-plugin");
    });
    refused("plugin_missing", (&namespace, &mut project), &config);

    let failing = project.private().join("failing-plugin");
    fs::write(
        &failing,
        "#!/bin/sh\necho 'the session has expired: log in again' >&2\nexit 1\n",
    )
    .and_then(|()| fs::set_permissions(&failing, fs::Permissions::from_mode(0o755)))
    .expect("/tmp can be written");
    let config = changed(&project, |config| {
        config["users"][0]["user"] = plugin(&failing.display().to_string());
    });
    refused("plugin_fails", (&namespace, &mut project), &config);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn missing_permission_is_shown_as_an_rbac_rule() {
    let namespace = Namespace::new();
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    let context = (&namespace, &mut project);
    refused("forbidden", context, &dev_kubeconfig());
    assert_eq!(namespace.managed_objects(), [""; 0]);

    // Everything but port forwarding.
    namespace.grant_dev("rbac.yaml");
    let rules = namespace.kubectl(&["get", "role", "cargo-kt", "--output", "json"]);
    let mut role: Value = serde_json::from_str(&rules).expect("kubectl prints JSON");
    let rules = role["rules"].as_array_mut().expect("a role has rules");
    rules.retain(|rule| rule["resources"][0] != "pods/portforward");
    namespace.apply(&role);
    // The rule names the user as the API server knows it, not by the kubeconfig's alias.
    let mut config = read_kubeconfig(&dev_kubeconfig());
    config["users"][0]["name"] = "me".into();
    config["contexts"][0]["context"]["user"] = "me".into();
    let renamed = project.private().join("renamed");
    fs::write(&renamed, config.to_string()).expect("/tmp can be written");
    refused(
        "forbidden_port_forward",
        (&namespace, &mut project),
        &renamed,
    );
    assert_eq!(namespace.managed_objects(), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn missing_or_terminating_namespace_is_an_error() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let nowhere = format!("{}-nowhere", namespace.name());
    let output = project.kt(["run", "--namespace", &nowhere]).code(101);
    assert_error!("missing_namespace", namespace, project, output);

    // A finalizer keeps it in `Terminating`.
    namespace.apply(&serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "holds-on", "finalizers": ["example.com/hold"]},
    }));
    kubectl(&["delete", "namespace", namespace.name(), "--wait=false"]);
    let output = project.run().code(101);
    namespace.kubectl(&[
        "patch",
        "configmap",
        "holds-on",
        "--type=merge",
        "--patch={\"metadata\":{\"finalizers\":null}}",
    ]);
    assert_error!("terminating_namespace", namespace, project, output);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn same_namespace_in_two_contexts_is_two_places() {
    let namespace = Namespace::new();
    namespace.grant_dev("rbac.yaml");
    let mut project = namespace.project(Fixture::ONE, &image::debian());
    let dev = read_kubeconfig(&dev_kubeconfig());
    let config = changed(&project, |config| {
        let mut user = dev["users"][0].clone();
        user["name"] = "dev".into();
        config["users"]
            .as_array_mut()
            .expect("it has users")
            .push(user);
        let mut context = config["contexts"][0].clone();
        context["name"] = "other".into();
        context["context"]["user"] = "dev".into();
        let contexts = config["contexts"].as_array_mut();
        contexts.expect("it has contexts").push(context);
    });
    project.environment("KUBECONFIG", config.display());
    project.run().success().prints("hello Alice, visit 1");
    // The other user reaches the same pod through another tunnel.
    project
        .kt(["run", "--context", "other"])
        .success()
        .prints("hello Alice, visit 2");
    let places: Vec<String> = project
        .services()
        .iter()
        .map(|service| service["place"].to_string())
        .collect();
    assert_eq!(places.len(), 2, "{places:?}");
    assert_ne!(places[0], places[1]);
}
