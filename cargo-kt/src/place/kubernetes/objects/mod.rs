//! What a service is made of in a cluster: from resolved options to objects, as values that nobody has applied yet. Knows no
//! cluster.

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

/// How long a Deployment may take before the cluster calls it stuck: longer than anybody waits here.
const PROGRESS: u32 = 3600;
/// How often a Job's pod may fail before the Job does: its host is started again as a Deployment's would be.
const BACKOFF: u32 = 1_000_000;

/// Why options do not make objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectsError {
    #[error(
        "`pod_template` changes {path}, which kt itself needs as it is\nhelp: leave that part out"
    )]
    Ours { path: String },
    #[error("`pod_template` makes no pod: {why}")]
    Template { why: String },
    #[error("an object could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// What objects have beside a service's options.
#[derive(Debug)]
pub struct Identity<'a> {
    pub name: &'a str,
    /// A label.
    pub user: &'a str,
    pub workspace: &'a str,
    pub controller: Controller,
    /// The first stage's executable.
    pub stage: &'a [u8],
    pub token: &'a str,
    /// Of the nodes, as Kubernetes names it: `amd64`.
    pub architecture: &'a str,
    /// What the host is told, behind its `host`.
    pub host_arguments: Vec<String>,
    /// Tells services of other options apart.
    pub options: &'a str,
}

/// The objects of one service.
#[derive(Debug, Clone)]
pub struct Objects {
    pub workload: Value,
    /// All that the workload owns.
    pub dependents: Vec<Value>,
}

/// Writes down what a service is made of.
///
/// # Errors
/// If `pod_template` takes away what the pod needs, or makes none.
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
    /// The workload, so that it makes no pod yet.
    pub fn inert_workload(&self) -> Value {
        let mut workload = self.workload.clone();
        for halt in ["paused", "suspend"] {
            if let Some(halt) = workload["spec"].get_mut(halt) {
                *halt = Value::Bool(true);
            }
        }
        workload
    }

    /// The others, owned by the workload, which has this id.
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

    /// All of them for a person to read: what is secret is left out, and what nobody can read.
    pub fn shown(&self) -> Vec<Value> {
        let mut all: Vec<Value> = std::iter::once(&self.workload)
            .chain(&self.dependents)
            .cloned()
            .collect();
        for object in &mut all {
            for (data, key, instead) in [
                ("stringData", "token", "(made at the launch)"),
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
