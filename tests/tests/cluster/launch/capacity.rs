use std::time::Duration;

use serde_json::json;
use tests::{
    Fixture,
    cluster::{Namespace, alone, image, kubectl},
};

use super::{AT_ONCE, AUTOSCALER, refused};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unschedulable_requests_are_named_with_the_free_capacity() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let context = (&namespace, &project);
    let output = refused("cpu", context, AUTOSCALER, &["--cpu", "1000"]);
    assert!(
        output.error().contains("largest free capacity"),
        "{output:?}"
    );
    refused("gpus", context, AUTOSCALER, &["--gpus", "2"]);
    let labels = ["--node-selector", "disk=fast"];
    refused("node_selector", context, AUTOSCALER, &labels);
    let claim = "[{name: data, mount: /data, claim: nowhere}]";
    refused("missing_claim", context, AT_ONCE, &["--volumes", claim]);
}

/// The scheduler cannot place the pod, but an autoscaler reports a scale-up.
#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn launch_waits_while_an_autoscaler_scales_up() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    let timeout = ["--launch-timeout", "25s", "--cpu", "1000"];
    let launch = project.spawn_kt(["run"].into_iter().chain(timeout));
    let pod = namespace.wait_for("pod", || namespace.get(&["pods"]).into_iter().next());
    namespace.apply(&json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "scale-up"},
        "type": "Normal", "reason": "TriggeredScaleUp", "message": "pod triggered scale-up: [{pool 1->2 (max: 3)}]",
        "source": {"component": "cluster-autoscaler"},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": namespace.name(),
            "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
        },
    }));
    let output = launch.finish().code(101);
    assert!(output.took > Duration::from_secs(25), "{output:?}");
    tests::assert_error!("autoscaler", namespace, project, output);
    assert_eq!(namespace.managed_objects(), [""; 0]);
}

/// A node object for another CPU, without a kubelet. While it exists, these nodes are cordoned.
pub(super) struct ArmNode<'a>(&'a [&'a str]);

impl<'a> ArmNode<'a> {
    const NAME: &'static str = "kt-test-arm";

    pub(super) fn create(namespace: &Namespace, cordoned: &'a [&'a str]) -> Self {
        let info = [
            "bootID",
            "containerRuntimeVersion",
            "kernelVersion",
            "kubeProxyVersion",
            "kubeletVersion",
        ];
        let info = info.iter().chain(&["machineID", "osImage", "systemUUID"]);
        let mut info: serde_json::Map<_, _> =
            info.map(|name| ((*name).to_owned(), json!(""))).collect();
        info.insert("architecture".into(), json!("arm64"));
        info.insert("operatingSystem".into(), json!("linux"));
        if !cordoned.is_empty() {
            kubectl(&[&["cordon"], cordoned].concat());
        }
        let labels = json!({"kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux"});
        let mut node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": Self::NAME, "labels": labels}});
        namespace.apply(&node);
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let resources =
            json!({"cpu": "8", "memory": "32Gi", "pods": "100", "ephemeral-storage": "100Gi"});
        node["status"] = json!({
            "nodeInfo": info, "conditions": conditions, "capacity": resources, "allocatable": resources,
        });
        namespace.apply_status(&node);
        Self(cordoned)
    }
}

impl Drop for ArmNode<'_> {
    fn drop(&mut self) {
        kubectl(&["delete", "node", Self::NAME]);
        if !self.0.is_empty() {
            kubectl(&[&["uncordon"], self.0].concat());
        }
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn nodes_of_another_architecture_are_named() {
    let _alone = alone();
    let namespace = Namespace::of_one_alone();
    let project = namespace.project(Fixture::ONE, &image::debian());
    // Built first, to keep the time short in which the other nodes are cordoned.
    project.kt(["build", "--place", "local"]).success();
    let nodes = kubectl(&["get", "nodes", "--output", "name"]);
    let nodes: Vec<&str> = nodes.split_whitespace().collect();
    let output = {
        let _only = ArmNode::create(&namespace, &nodes);
        project.run()
    };
    let output = output.code(101);
    assert_eq!(namespace.managed_objects(), [""; 0], "{output:?}");
    tests::assert_error!("nodes_of_another_cpu", namespace, project, output);
}
