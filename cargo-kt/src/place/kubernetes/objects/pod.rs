//! The pod template.

use serde_json::{Map, Value, json};

use super::{Identity, ObjectsError, check, labels, merge, stage_name};
use crate::{
    config::{Service, VolumeSource},
    place::kubernetes::{Controller, DATA, HOST_PORT, READY_PORT, TOKEN, launch::CONTAINER},
};

/// The first stage's directory in the pod.
const STAGE: &str = "/kt/stage";
/// Seconds that the host has to stop its worker after the pod is deleted.
const GRACE: u32 = 10;
/// Interval of the readiness probe in seconds.
const PROBE: u32 = 2;

pub fn template(service: &Service, identity: &Identity<'_>) -> Result<Value, ObjectsError> {
    let ours = json!({"metadata": metadata(service, identity), "spec": spec(service, identity)});
    let mut merged = ours.clone();
    merge::merge(&mut merged, &service.pod_template, "");
    check::check(&ours, &merged)?;
    // Reject early: the cluster's error would name the workload instead of `pod_template`.
    let pod: Result<k8s_openapi::api::core::v1::PodTemplateSpec, _> =
        serde_json::from_value(merged.clone());
    match pod {
        Ok(_) => Ok(merged),
        Err(error) => Err(ObjectsError::Template {
            why: error.to_string(),
        }),
    }
}

fn metadata(service: &Service, identity: &Identity<'_>) -> Value {
    let mut all = labels(identity);
    for (name, value) in &service.labels {
        // kt finds the pod by its own labels.
        if all.get(name).is_none() {
            all[name] = Value::from(&**value);
        }
    }
    json!({"labels": all, "annotations": service.annotations})
}

fn spec(service: &Service, identity: &Identity<'_>) -> Value {
    let deployment = identity.controller == Controller::Deployment;
    let mut node_selector = json!({"kubernetes.io/arch": identity.architecture});
    for (name, value) in &service.node_selector {
        node_selector[name] = Value::from(&**value);
    }
    let mut security = json!({"seccompProfile": {"type": "RuntimeDefault"}});
    if let Some(user) = service.user {
        security["runAsUser"] = user.into();
        security["runAsGroup"] = user.into();
        security["fsGroup"] = user.into();
    }
    if service.user != Some(0) {
        security["runAsNonRoot"] = true.into();
    }
    let account = service.service_account.as_deref();
    let mut spec = json!({
        "automountServiceAccountToken": deployment || account.is_some(),
        "enableServiceLinks": false,
        "restartPolicy": if deployment { "Always" } else { "OnFailure" },
        "terminationGracePeriodSeconds": GRACE,
        "nodeSelector": node_selector,
        "securityContext": security,
        "containers": [container(service, identity)],
        "volumes": volumes(service, identity),
    });
    let account = account.or(deployment.then_some(identity.name));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec[name] = value;
        }
    };
    set("serviceAccountName", account.map(Value::from));
    set(
        "priorityClassName",
        service.priority_class.clone().map(Value::from),
    );
    set(
        "runtimeClassName",
        service.runtime_class.clone().map(Value::from),
    );
    set(
        "tolerations",
        (!service.tolerations.is_empty()).then(|| service.tolerations.clone().into()),
    );
    let affinity = service
        .affinity
        .as_object()
        .is_some_and(|it| !it.is_empty());
    set("affinity", affinity.then(|| service.affinity.clone()));
    let pull: Vec<Value> = service
        .image_pull_secrets
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    set("imagePullSecrets", (!pull.is_empty()).then(|| pull.into()));
    spec
}

fn container(service: &Service, identity: &Identity<'_>) -> Value {
    let mut arguments: Vec<String> = [
        "--port",
        &HOST_PORT.to_string(),
        "--data",
        DATA,
        "--token",
        TOKEN,
        "--",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(identity.host_arguments.iter().cloned());
    let mut resources = Map::new();
    resources.insert("cpu".into(), Value::from(&*service.cpu));
    resources.insert("memory".into(), Value::from(&*service.memory));
    if let Some(storage) = &service.ephemeral_storage {
        resources.insert("ephemeral-storage".into(), Value::from(&**storage));
    }
    if service.gpus > 0 {
        resources.insert(
            service.gpu_resource.clone(),
            service.gpus.to_string().into(),
        );
    }
    let mut mounts = vec![
        json!({"name": "kt-stage", "mountPath": STAGE, "readOnly": true}),
        json!({"name": "kt-secret", "mountPath": "/kt/secret", "readOnly": true}),
        json!({"name": "kt-data", "mountPath": DATA}),
    ];
    for (number, secret) in service.secrets.iter().enumerate() {
        if let Some(mount) = &secret.mount {
            mounts
                .push(json!({"name": secret_volume(number), "mountPath": mount, "readOnly": true}));
        }
    }
    for volume in &service.volumes {
        mounts.push(json!({"name": volume.name, "mountPath": volume.mount}));
    }
    let env: Vec<Value> = service
        .env
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let env_from: Vec<Value> = service
        .secrets
        .iter()
        .filter(|secret| secret.env)
        .map(|secret| json!({"secretRef": {"name": secret.name}}))
        .collect();
    let mut container = json!({
        "name": CONTAINER,
        "image": service.image,
        "command": [format!("{STAGE}/stage")],
        "args": arguments,
        "env": env,
        "envFrom": env_from,
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": READY_PORT}, "periodSeconds": PROBE, "timeoutSeconds": PROBE,
        },
        "volumeMounts": mounts,
    });
    if let Some(policy) = &service.image_pull_policy {
        container["imagePullPolicy"] = Value::from(&**policy);
    }
    if let Some(directory) = &service.working_dir {
        container["workingDir"] = Value::from(&**directory);
    }
    container
}

fn secret_volume(number: usize) -> String {
    format!("secret-{number}")
}

fn volumes(service: &Service, identity: &Identity<'_>) -> Vec<Value> {
    let name = identity.name;
    let mut volumes = vec![
        json!({"name": "kt-stage", "configMap": {"name": stage_name(name), "defaultMode": 0o555}}),
        json!({"name": "kt-secret", "secret": {"secretName": name, "defaultMode": 0o444}}),
        json!({"name": "kt-data", "emptyDir": {}}),
    ];
    for (number, secret) in service.secrets.iter().enumerate() {
        if secret.mount.is_some() {
            volumes.push(
                json!({"name": secret_volume(number), "secret": {"secretName": secret.name}}),
            );
        }
    }
    for volume in &service.volumes {
        volumes.push(match &volume.source {
            VolumeSource::Claim(claim) => {
                json!({"name": volume.name, "persistentVolumeClaim": {"claimName": claim}})
            }
            VolumeSource::EmptyDir(None) => json!({"name": volume.name, "emptyDir": {}}),
            VolumeSource::EmptyDir(Some(size)) => {
                json!({"name": volume.name, "emptyDir": {"sizeLimit": size}})
            }
            VolumeSource::HostPath(path) => {
                json!({"name": volume.name, "hostPath": {"path": path}})
            }
        });
    }
    volumes
}
