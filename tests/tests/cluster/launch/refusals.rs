use serde_json::json;
use tests::{
    Fixture,
    cluster::{Namespace, image, kubectl},
};

use super::{AT_ONCE, refused};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn quotas_and_limits_are_named() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let context = (&namespace, &project);
    refused("quota", context, AT_ONCE, &["--memory", "16Gi"]);
    namespace.apply(&json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]},
    }));
    refused("limit_range", context, AT_ONCE, &["--cpu", "1500m"]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn pod_security_violations_are_named() {
    let namespace = Namespace::restricted();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let context = (&namespace, &project);
    refused("pod_security_root", context, AT_ONCE, &["--user", "0"]);
    let volume = "[{name: host, mount: /host, host_path: /etc}]";
    refused(
        "pod_security_host_path",
        context,
        AT_ONCE,
        &["--volumes", volume],
    );
}

/// An admission policy of the cluster, deleted when dropped.
struct Policy(String);

impl Policy {
    /// Denies pods without a label `team` in the namespace.
    fn against_pods_of(namespace: &Namespace) -> Self {
        let name = namespace.name().to_owned();
        let group = "admissionregistration.k8s.io/v1";
        namespace.apply(&json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                ]},
                "validations": [{"expression": "has(object.metadata.labels) && 'team' in object.metadata.labels", "message": "every pod needs a label `team`"}],
            },
        }));
        namespace.apply(&json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": namespace.name()},
            }}},
        }));
        Self(name)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings";
        kubectl(&["delete", kinds, &self.0]);
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn admission_policy_is_named_and_labels_satisfy_it() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let _policy = Policy::against_pods_of(&namespace);
    // The API server needs a moment to enforce it.
    namespace.wait_for("policy in force", || {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {
            "containers": [{"name": "probe", "image": image::debian()}],
        }});
        (!namespace.would_apply(&pod)).then_some(())
    });
    refused("policy", (&namespace, &project), AT_ONCE, &[]);
    project
        .kt(["run", "--labels", "team=web"])
        .success()
        .prints("hello Alice, visit 1");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unknown_pod_field_is_named() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let template = ["run", "--pod-template", "spec: {teleport: true}"];
    let output = project.kt(template).code(101);
    assert_eq!(namespace.managed_objects(), [""; 0], "{output:?}");
    tests::assert_error!("unknown_field", namespace, project, output);
}
