//! MINIMAL STAND-IN
use serde_json::{Value, json};
use super::{Controller, kinds::{self, MANAGED_BY, MANAGER, NAME, USER, WORKSPACE, OPTIONS}};
use crate::config::Service;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ObjectsError(pub String);

pub struct Identity<'a> {
    pub name: &'a str, pub user: &'a str, pub workspace: &'a str, pub controller: Controller,
    pub stage: &'a [u8], pub token: &'a str, pub host_arguments: Vec<String>, pub options: &'a str,
}
pub struct Objects { pub workload: Value, pub dependents: Vec<Value> }

pub fn render(service: &Service, id: &Identity<'_>) -> Result<Objects, ObjectsError> {
    let name = id.name;
    let labels = json!({MANAGED_BY: MANAGER, NAME: name, USER: id.user});
    let meta = |name: &str| json!({"name": name, "labels": labels, "annotations": {WORKSPACE: id.workspace, OPTIONS: id.options}});
    let mut args = vec!["--port".to_owned(), "9461".into(), "--data".into(), "/kt/data".into(), "--token".into(), "/kt/secret/token".into(), "--".into()];
    args.extend(id.host_arguments.clone());
    let resources = json!({"cpu": service.cpu, "memory": service.memory});
    let pod = json!({
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": name, "enableServiceLinks": false, "terminationGracePeriodSeconds": 10,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "kt", "image": service.image, "command": ["/kt/stage/stage"], "args": args,
                "resources": {"requests": resources, "limits": resources},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 9462}, "periodSeconds": 2},
                "volumeMounts": [{"name": "kt-stage", "mountPath": "/kt/stage", "readOnly": true}, {"name": "kt-secret", "mountPath": "/kt/secret", "readOnly": true}, {"name": "kt-data", "mountPath": "/kt/data"}],
            }],
            "volumes": [
                {"name": "kt-stage", "configMap": {"name": format!("{name}-stage"), "defaultMode": 0o555}},
                {"name": "kt-secret", "secret": {"secretName": name, "defaultMode": 0o444}},
                {"name": "kt-data", "emptyDir": {}},
            ],
        },
    });
    let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": {
        "replicas": 1, "paused": false, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 0, "selector": {"matchLabels": {NAME: name, MANAGED_BY: MANAGER}}, "template": pod}});
    let hex: String = { use std::fmt::Write; let mut s = String::new(); let _ = write!(s, "{}", base64(id.stage)); s };
    let dependents = vec![
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta(name), "stringData": {"token": id.token}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(&format!("{name}-stage")), "binaryData": {"stage": hex}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name)}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta(name), "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [name], "verbs": ["get", "delete"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta(name), "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}, "subjects": [{"kind": "ServiceAccount", "name": name}]}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {"clusterIP": "None", "selector": {NAME: name}}}),
    ];
    let _ = kinds::dependents();
    Ok(Objects { workload, dependents })
}
fn base64(bytes: &[u8]) -> String {
    const T: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).flat_map(|c| {
        let n = u32::from(c[0]) << 16 | u32::from(*c.get(1).unwrap_or(&0)) << 8 | u32::from(*c.get(2).unwrap_or(&0));
        (0..4).map(move |i| if i <= c.len() { T[(n >> (18 - 6 * i) & 63) as usize] as char } else { '=' }).collect::<Vec<_>>()
    }).collect()
}
impl Objects {
    pub fn inert_workload(&self) -> Value { let mut w = self.workload.clone(); w["spec"]["paused"] = true.into(); w }
    pub fn dependents_of(&self, uid: &str) -> Vec<Value> {
        let owner = json!([{"apiVersion": self.workload["apiVersion"], "kind": self.workload["kind"], "name": self.workload["metadata"]["name"], "uid": uid}]);
        self.dependents.iter().cloned().map(|mut it| { it["metadata"]["ownerReferences"] = owner.clone(); it }).collect()
    }
}
