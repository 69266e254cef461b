//! Renders a service's Kubernetes objects from its resolved options. Knows no cluster.

mod check;
mod merge;
mod pod;
#[cfg(test)]
mod tests;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{
    Controller,
    kinds::{MANAGED_BY, MANAGER, NAME, OPTIONS, USER, VERSION, WORKSPACE},
};
use crate::config::Service;

/// Seconds after which Kubernetes reports a Deployment as stalled: longer than any launch timeout.
const PROGRESS: u32 = 3600;
/// How often a Job's pod may fail. High, so that its host is restarted like that of a Deployment.
const BACKOFF: u32 = 1_000_000;

/// Why the options do not result in valid objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    #[error("`pod_template` changes {path}, which kt requires unchanged\nhelp: remove that part")]
    RequiredPart { path: String },
    #[error("invalid `pod_template`: {why}")]
    Template { why: String },
    #[error("failed to serialize an object: {0}")]
    Json(#[from] serde_json::Error),
}

/// The properties of a service that are not options.
#[derive(Debug)]
pub struct Identity<'a> {
    pub name: &'a str,
    /// A valid label value.
    pub user: &'a str,
    pub workspace: &'a str,
    pub controller: Controller,
    /// The first stage's executable.
    pub stage: &'a [u8],
    pub token: &'a str,
    /// The CPU architecture of the nodes, by its Kubernetes name: `amd64`.
    pub architecture: &'a str,
    /// The host's arguments after `host`.
    pub host_arguments: Vec<String>,
    /// A hash of the options, to detect a service with other options.
    pub options: &'a str,
}

/// The objects of one service.
#[derive(Debug, Clone)]
pub struct Objects {
    pub workload: Value,
    /// The objects that the workload owns.
    pub dependents: Vec<Value>,
}

/// Renders a service's objects.
///
/// # Errors
/// If `pod_template` changes a required part, or the result is not a valid pod.
pub fn render(service: &Service, identity: &Identity<'_>) -> Result<Objects, ObjectsError> {
    let name = identity.name;
    let own_account = identity.controller == Controller::Deployment;
    let account = service.service_account.as_deref().unwrap_or(name);
    let mut dependents = vec![
        object(
            "v1",
            "Secret",
            identity,
            name,
            json!({"stringData": {"token": identity.token}}),
        ),
        object(
            "v1",
            "ConfigMap",
            identity,
            &stage_name(name),
            json!({
                "binaryData": {"stage": ByteString(identity.stage.to_vec())},
            }),
        ),
        object(
            "v1",
            "Service",
            identity,
            name,
            json!({
                "spec": {"clusterIP": "None", "selector": selector(identity)},
            }),
        ),
    ];
    if own_account {
        let rbac = "rbac.authorization.k8s.io/v1";
        if service.service_account.is_none() {
            dependents.push(object("v1", "ServiceAccount", identity, name, json!({})));
        }
        dependents.extend([
            object(rbac, "Role", identity, name, json!({"rules": [{
                "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [name], "verbs": ["get", "delete"],
            }]})),
            object(rbac, "RoleBinding", identity, name, json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": account}],
            })),
        ]);
    }
    let template = pod::template(service, identity)?;
    let workload = match identity.controller {
        Controller::Deployment => object(
            "apps/v1",
            "Deployment",
            identity,
            name,
            json!({"spec": {
                "replicas": 1, "paused": false, "revisionHistoryLimit": 0, "progressDeadlineSeconds": PROGRESS,
                "strategy": {"type": "Recreate"}, "selector": {"matchLabels": selector(identity)}, "template": template,
            }}),
        ),
        Controller::Job => object(
            "batch/v1",
            "Job",
            identity,
            name,
            json!({"spec": {
                "suspend": false, "backoffLimit": BACKOFF, "ttlSecondsAfterFinished": 0, "template": template,
            }}),
        ),
    };
    Ok(Objects {
        workload,
        dependents,
    })
}

fn object(version: &str, kind: &str, identity: &Identity<'_>, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {
        "name": name,
        "labels": labels(identity),
        "annotations": {
            WORKSPACE: identity.workspace,
            OPTIONS: identity.options,
            VERSION: kt::wire::VERSION,
        },
    }});
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
    object
}

fn labels(identity: &Identity<'_>) -> Value {
    json!({MANAGED_BY: MANAGER, NAME: identity.name, USER: identity.user})
}

fn selector(identity: &Identity<'_>) -> Value {
    json!({MANAGED_BY: MANAGER, NAME: identity.name})
}

fn stage_name(name: &str) -> String {
    format!("{name}-stage")
}

impl Objects {
    /// The workload in a paused state, in which it creates no pod.
    pub fn paused_workload(&self) -> Value {
        let mut workload = self.workload.clone();
        for field in ["paused", "suspend"] {
            if let Some(paused) = workload["spec"].get_mut(field) {
                *paused = Value::Bool(true);
            }
        }
        workload
    }

    /// The dependents, with the workload of this uid as their owner.
    pub fn dependents_of(&self, uid: &str) -> Vec<Value> {
        let owner = json!([{
            "apiVersion": self.workload["apiVersion"], "kind": self.workload["kind"],
            "name": self.workload["metadata"]["name"], "uid": uid,
        }]);
        let owned = |mut object: Value| {
            object["metadata"]["ownerReferences"] = owner.clone();
            object
        };
        self.dependents.iter().cloned().map(owned).collect()
    }

    /// All objects for display. Replaces the secret and the binary data with placeholders.
    pub fn shown(&self) -> Vec<Value> {
        let mut all: Vec<Value> = std::iter::once(&self.workload)
            .chain(&self.dependents)
            .cloned()
            .collect();
        for object in &mut all {
            for (data, key, instead) in [
                ("stringData", "token", "(generated at launch)"),
                ("binaryData", "stage", "(the first stage's executable)"),
            ] {
                if let Some(value) = object.get_mut(data).and_then(|it| it.get_mut(key)) {
                    *value = Value::from(instead);
                }
            }
        }
        all
    }
}
