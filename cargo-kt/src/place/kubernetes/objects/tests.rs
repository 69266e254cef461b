use serde_json::json;

use super::*;
use crate::config::{Config, Written};

fn service(options: Value) -> Service {
    let written = options
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| Written {
            name: name.clone(),
            value: value.clone(),
            origin: "test".into(),
        });
    Config::resolve([written.collect()]).unwrap().service
}

fn render(options: Value, controller: Controller) -> Result<Objects, ObjectsError> {
    super::render(
        &service(options),
        &Identity {
            name: "alice-app",
            user: "alice",
            workspace: "/src/app",
            controller,
            stage: b"stage",
            token: "0123abcd",
            architecture: "amd64",
            host_arguments: vec!["--service".into(), "alice-app".into()],
            options: "hash",
        },
    )
}

fn pod(options: Value) -> Value {
    let objects = render(options, Controller::Deployment).unwrap();
    objects.workload["spec"]["template"]["spec"].clone()
}

fn kinds(objects: &Objects) -> Vec<&str> {
    objects
        .dependents
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn a_deployment_can_delete_only_itself() {
    let objects = render(json!({}), Controller::Deployment).unwrap();
    let role = objects
        .dependents
        .iter()
        .find(|it| it["kind"] == "Role")
        .unwrap();
    assert_eq!(
        role["rules"],
        json!([{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["alice-app"], "verbs": ["get", "delete"]}])
    );
    assert_eq!(objects.paused_workload()["spec"]["paused"], true);
    assert_eq!(objects.workload["spec"]["paused"], false);
}

#[test]
fn a_job_has_no_rights() {
    let objects = render(json!({}), Controller::Job).unwrap();
    assert_eq!(kinds(&objects), ["Secret", "ConfigMap", "Service"]);
    let spec = &objects.workload["spec"]["template"]["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["restartPolicy"], "OnFailure");
    assert_eq!(objects.paused_workload()["spec"]["suspend"], true);
}

#[test]
fn dependents_are_labeled_and_owned_by_the_workload() {
    let objects = render(json!({}), Controller::Deployment).unwrap();
    for object in objects.dependents_of("uid") {
        assert_eq!(
            object["metadata"]["ownerReferences"][0]["uid"], "uid",
            "{object}"
        );
        assert_eq!(
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "cargo-kt",
            "{object}"
        );
    }
}

#[test]
fn the_container_sets_requests_and_limits_and_drops_capabilities() {
    let pod = pod(json!({"cpu": "500m", "memory": "1Gi", "gpus": 2}));
    let container = &pod["containers"][0];
    let wanted = json!({"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"});
    assert_eq!(
        container["resources"],
        json!({"requests": wanted, "limits": wanted})
    );
    assert_eq!(
        container["securityContext"]["capabilities"]["drop"],
        json!(["ALL"])
    );
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["nodeSelector"]["kubernetes.io/arch"], "amd64");
}

#[test]
fn user_can_be_the_images_own_or_root() {
    let own = pod(json!({"user": "image"}));
    assert_eq!(own["securityContext"].get("runAsUser"), None);
    assert_eq!(own["securityContext"]["runAsNonRoot"], true);
    let root = pod(json!({"user": 0}));
    assert_eq!(root["securityContext"]["runAsUser"], 0);
    assert_eq!(root["securityContext"].get("runAsNonRoot"), None);
}

#[test]
fn secrets_and_volumes_become_variables_and_mounts() {
    let pod = pod(json!({
        "secrets": [{"name": "db", "env": true}, {"name": "tls", "mount": "/etc/tls"}],
        "volumes": [{"name": "models", "mount": "/models", "claim": "models"}, {"name": "tmp", "mount": "/tmp", "empty_dir": "1Gi"}],
        "env": {"A": "b"},
    }));
    let container = &pod["containers"][0];
    assert_eq!(container["envFrom"], json!([{"secretRef": {"name": "db"}}]));
    assert_eq!(container["env"], json!([{"name": "A", "value": "b"}]));
    let volumes = pod["volumes"].as_array().unwrap();
    assert!(volumes.contains(&json!({"name": "secret-1", "secret": {"secretName": "tls"}})));
    assert!(
        volumes
            .contains(&json!({"name": "models", "persistentVolumeClaim": {"claimName": "models"}}))
    );
    assert!(volumes.contains(&json!({"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}})));
}

#[test]
fn a_patch_adds_to_the_template() {
    let pod = pod(
        json!({"tolerations": [{"key": "a"}], "pod_template": {"spec": {
            "tolerations": [{"key": "b"}],
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["x"]}],
            "terminationGracePeriodSeconds": null,
            "containers": [
                {"name": "kt", "env": [{"name": "B", "value": "c"}], "securityContext": {"readOnlyRootFilesystem": true}},
                {"name": "sidecar", "image": "x"},
            ],
            "aFieldOfTomorrow": 1,
        }}}),
    );
    assert_eq!(pod["tolerations"].as_array().unwrap().len(), 2);
    assert_eq!(pod.get("terminationGracePeriodSeconds"), None);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 2);
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"],
        false
    );
    // The API server validates unknown fields.
    assert_eq!(pod["aFieldOfTomorrow"], 1);
}

#[test]
fn a_patch_of_a_required_part_is_rejected_with_its_path() {
    let refused = |spec: Value| match render(
        json!({"pod_template": {"spec": spec}}),
        Controller::Deployment,
    ) {
        Err(ObjectsError::RequiredPart { path }) => path,
        other => panic!("{other:?}"),
    };
    let ours = |fields: Value| {
        let mut container = json!({"name": "kt"});
        container
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        json!({"containers": [container]})
    };
    for (patch, path) in [
        (ours(json!({"command": ["sh"]})), "containers[kt].command"),
        (ours(json!({"args": null})), "containers[kt].args"),
        (
            ours(json!({"readinessProbe": {"periodSeconds": 60}})),
            "containers[kt].readinessProbe",
        ),
        (
            ours(json!({"restartPolicy": "Never"})),
            "containers[kt].restartPolicy",
        ),
        (
            ours(json!({"livenessProbe": {"tcpSocket": {"port": 9461}}})),
            "containers[kt].livenessProbe",
        ),
        (
            ours(json!({"volumeMounts": [{"mountPath": "/kt/data", "name": "other"}]})),
            "containers[kt].volumeMounts[/kt/data]",
        ),
        (
            ours(
                json!({"volumeMounts": [{"mountPath": "/kt/data", "name": "kt-data", "subPath": "x"}]}),
            ),
            "containers[kt].volumeMounts[/kt/data]",
        ),
        (
            ours(json!({"volumeMounts": [{"mountPath": "/kt/data/objects", "name": "other"}]})),
            "containers[kt].volumeMounts[/kt/data/objects]",
        ),
        (
            ours(json!({"volumeMounts": [{"mountPath": "//kt/", "name": "other"}]})),
            "containers[kt].volumeMounts[//kt/]",
        ),
        (
            ours(json!({"volumeMounts": [{"mountPath": "/", "name": "other"}]})),
            "containers[kt].volumeMounts[/]",
        ),
        (json!({"containers": null}), "containers[kt]"),
        (
            json!({"containers": [{"name": "other", "ports": [{"containerPort": 9462}]}]}),
            "containers[other].ports[9462]",
        ),
        (
            json!({"initContainers": [{"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 9461}]}]}),
            "initContainers[proxy].ports[9461]",
        ),
        (json!({"restartPolicy": "Never"}), "restartPolicy"),
        (
            json!({"activeDeadlineSeconds": 600}),
            "activeDeadlineSeconds",
        ),
        (
            json!({"serviceAccountName": "default"}),
            "serviceAccountName",
        ),
        (
            json!({"automountServiceAccountToken": false}),
            "automountServiceAccountToken",
        ),
        (
            json!({"nodeSelector": {"kubernetes.io/arch": "arm64"}}),
            "nodeSelector[kubernetes.io/arch]",
        ),
        (
            json!({"volumes": [{"name": "kt-data", "emptyDir": {"medium": "Memory"}}]}),
            "volumes[kt-data]",
        ),
        (json!({"volumes": null}), "volumes[kt-stage]"),
    ] {
        assert_eq!(refused(patch), format!("spec.{path}"));
    }
}

#[test]
fn patches_that_can_work_are_accepted() {
    pod(
        json!({"volumes": [{"name": "x", "mount": "/x", "claim": "x"}], "pod_template": {"spec": {
            "hostNetwork": true,
            "shareProcessNamespace": true,
            "securityContext": {"runAsUser": 1000, "fsGroup": null},
            "nodeSelector": {"disk": "ssd"},
            "initContainers": [{"name": "prepare", "image": "x", "ports": [{"containerPort": 9461}]}],
            "containers": [
                {
                    "name": "kt", "lifecycle": {"postStart": {"exec": {"command": ["true"]}}},
                    "livenessProbe": {"httpGet": {"path": "/ready", "port": 9462}},
                    "volumeMounts": [{"name": "x", "mountPath": "/kt-models"}],
                },
                {"name": "proxy", "image": "x", "ports": [{"containerPort": 9461, "protocol": "UDP"}, {"containerPort": 8080}]},
            ],
        }}}),
    );
}

#[test]
fn a_job_can_have_any_service_account() {
    let options = json!({"pod_template": {"spec": {"serviceAccountName": "default"}}});
    assert!(render(options, Controller::Job).is_ok());
}

#[test]
fn a_patch_without_metadata_or_spec_is_rejected() {
    let options = json!({"pod_template": {"containers": []}});
    let error = render(options, Controller::Deployment).unwrap_err();
    assert!(
        error.to_string().contains("unexpected field `containers`"),
        "{error}"
    );
}

#[test]
fn a_patch_of_the_wrong_type_is_rejected() {
    let wrong = render(
        json!({"pod_template": {"spec": {"hostNetwork": "yes"}}}),
        Controller::Deployment,
    );
    assert!(
        matches!(wrong, Err(ObjectsError::Template { .. })),
        "{wrong:?}"
    );
}

#[test]
fn displayed_objects_contain_no_secret() {
    let objects = render(json!({}), Controller::Deployment).unwrap();
    let shown = serde_json::to_string(&objects.shown()).unwrap();
    assert!(
        !shown.contains("0123abcd") && shown.contains("generated at launch"),
        "{shown}"
    );
}
