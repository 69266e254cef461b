//! Checks that a patched template still has the parts with which kt starts, reaches and stops the
//! host.
//!
//! Rejects only changes that break kt for every image and in every cluster. All others are the
//! user's choice: other containers, security contexts, host namespaces, hooks, resources.

use serde_json::Value;

use super::ObjectsError;
use crate::place::kubernetes::{HOST_PORT, READY_PORT, launch::CONTAINER};

/// Fields of the pod that must not change: another value would stop it early, or not restart it
/// after a crash.
const POD_FIELDS: [&str; 2] = ["restartPolicy", "activeDeadlineSeconds"];
/// Fields of a Deployment's pod that must not change: its host deletes the Deployment with this
/// account's token.
const ACCOUNT_FIELDS: [&str; 3] = [
    "serviceAccountName",
    "serviceAccount",
    "automountServiceAccountToken",
];
/// Fields of kt's container that must not change.
const CONTAINER_FIELDS: [&str; 5] = [
    "command",
    "args",
    "readinessProbe",
    "restartPolicy",
    "restartPolicyRules",
];
/// Fields of kt's container with a probe that the user may set.
const PROBES: [&str; 2] = ["livenessProbe", "startupProbe"];
/// Node label with the CPU architecture.
const ARCHITECTURE: &str = "kubernetes.io/arch";
/// The directory in which only kt may mount volumes.
const DIRECTORY: &str = "kt";

/// Compares kt's template with the patched one.
///
/// # Errors
/// The path of the first part that kt requires unchanged.
pub fn check(ours: &Value, merged: &Value) -> Result<(), ObjectsError> {
    if let Some(other) = keys(merged).find(|key| !["metadata", "spec"].contains(key)) {
        return Err(ObjectsError::Template {
            why: format!("unexpected field `{other}`: a template has only `metadata` and `spec`"),
        });
    }
    match changed(ours, merged) {
        Some(path) => Err(ObjectsError::RequiredPart { path }),
        None => Ok(()),
    }
}

fn changed(ours: &Value, merged: &Value) -> Option<String> {
    let labels = &ours["metadata"]["labels"];
    if let Some(name) = keys(labels).find(|name| merged["metadata"]["labels"][name] != labels[name])
    {
        return Some(format!("metadata.labels[{name}]"));
    }
    let (ours, merged) = (&ours["spec"], &merged["spec"]);
    // A Job's host needs no rights.
    let account: &[&str] = match ours["restartPolicy"] == "Always" {
        true => &ACCOUNT_FIELDS,
        false => &[],
    };
    let mut fields = POD_FIELDS.iter().chain(account);
    if let Some(field) = fields.find(|field| ours[field] != merged[field]) {
        return Some(format!("spec.{field}"));
    }
    let node = "nodeSelector";
    if ours[node][ARCHITECTURE] != merged[node][ARCHITECTURE] {
        return Some(format!("spec.{node}[{ARCHITECTURE}]"));
    }
    for volume in ours_of(&ours["volumes"]) {
        let name = volume["name"].as_str().unwrap_or_default();
        if named(&merged["volumes"], name) != Some(volume) {
            return Some(format!("spec.volumes[{name}]"));
        }
    }
    let at = format!("spec.containers[{CONTAINER}]");
    let (Some(container), Some(after)) = (
        named(&ours["containers"], CONTAINER),
        named(&merged["containers"], CONTAINER),
    ) else {
        return Some(at);
    };
    of_container(container, after)
        .map(|path| format!("{at}.{path}"))
        .or_else(|| of_others(merged))
}

/// The changed part of kt's container.
fn of_container(ours: &Value, merged: &Value) -> Option<String> {
    let mut fields = CONTAINER_FIELDS.iter();
    if let Some(field) = fields.find(|field| ours[field] != merged[field]) {
        return Some((*field).to_owned());
    }
    let mounts = "volumeMounts";
    let path = |mount: &Value| {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        format!("{mounts}[{path}]")
    };
    let remains = |mount: &&Value| list(&merged[mounts]).any(|it| it == *mount);
    if let Some(lost) = ours_of(&ours[mounts]).find(|mount| !remains(mount)) {
        return Some(path(lost));
    }
    let is_ours = |mount: &Value| list(&ours[mounts]).any(|it| it == mount);
    let hides = |mount: &&Value| !is_ours(mount) && hides_ours(&mount["mountPath"]);
    if let Some(over) = list(&merged[mounts]).find(hides) {
        return Some(path(over));
    }
    // The kubelet probes the pod's IP, but the host listens on loopback: every probe would fail,
    // and the container would be restarted forever.
    let asks_host = |probe: &Value| {
        ["tcpSocket", "httpGet", "grpc"]
            .iter()
            .any(|kind| probe[kind]["port"] == HOST_PORT)
    };
    let probe = PROBES.iter().find(|probe| asks_host(&merged[probe]));
    probe.map(|probe| (*probe).to_owned())
}

/// Another container that uses kt's ports: containers share the pod's network.
fn of_others(merged: &Value) -> Option<String> {
    for kind in ["containers", "initContainers"] {
        for container in list(&merged[kind]) {
            let runs_beside_ours = kind == "containers" || container["restartPolicy"] == "Always";
            if container["name"] == CONTAINER || !runs_beside_ours {
                continue;
            }
            let taken = |port: &&Value| {
                let number = &port["containerPort"];
                let tcp = port["protocol"].is_null() || port["protocol"] == "TCP";
                tcp && (*number == HOST_PORT || *number == READY_PORT)
            };
            if let Some(port) = list(&container["ports"]).find(taken) {
                let name = container["name"].as_str().unwrap_or_default();
                return Some(format!(
                    "spec.{kind}[{name}].ports[{}]",
                    port["containerPort"]
                ));
            }
        }
    }
    None
}

/// Whether a mount at this path would hide kt's mounts.
fn hides_ours(path: &Value) -> bool {
    let path = path.as_str().unwrap_or_default();
    let mut parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let first = parts.next();
    first.is_none() || first == Some(DIRECTORY) || parts.any(|part| part == "..")
}

fn named<'a>(all: &'a Value, name: &str) -> Option<&'a Value> {
    list(all).find(|it| it["name"] == name)
}

fn ours_of(all: &Value) -> impl Iterator<Item = &Value> {
    list(all).filter(|it| {
        it["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("kt-"))
    })
}

fn list(all: &Value) -> impl Iterator<Item = &Value> {
    all.as_array().into_iter().flatten()
}

fn keys(object: &Value) -> impl Iterator<Item = &str> {
    let keys = object.as_object().into_iter().flatten();
    keys.map(|(key, _)| key.as_str())
}
