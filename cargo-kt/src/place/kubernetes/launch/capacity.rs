//! The free capacity of a cluster's nodes. The scheduler reports only that it is insufficient.

use std::{fmt, time::Duration};

use k8s_openapi::{
    api::core::v1::{Node, Pod, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{Api, api::ListParams};
use tokio::time::timeout;

use crate::{config::quantity, place::kubernetes::Cluster};

/// Timeout to list nodes and pods.
const ANSWER: Duration = Duration::from_secs(3);

/// The largest free capacity of a resource on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeCapacity {
    /// The scheduler's name: `cpu`, `memory`, `nvidia.com/gpu`.
    pub resource: String,
    pub node: String,
    pub free: f64,
    /// The node's allocatable capacity.
    pub of: f64,
}

impl fmt::Display for FreeCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |amount| match &*self.resource {
            "memory" | "ephemeral-storage" => quantity::bytes(amount),
            _ => quantity::number(amount),
        };
        let (free, of) = (amount(self.free), amount(self.of));
        write!(f, "{} {free} of {of} on {}", self.resource, self.node)
    }
}

/// The nodes' properties that explain an unschedulable pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nodes {
    /// For each insufficient resource, the node with the largest free capacity.
    pub free: Vec<FreeCapacity>,
    /// The nodes' CPU architectures, by their Kubernetes names, if they do not include the pod's.
    pub other_cpus: Vec<String>,
}

impl Nodes {
    /// Queries the nodes. Empty if this user cannot list nodes or the pods of all namespaces.
    pub async fn query(cluster: &Cluster, message: &str, needed: Option<&str>) -> Self {
        let nodes: Api<Node> = Api::all(cluster.client.clone());
        let pods: Api<Pod> = Api::all(cluster.client.clone());
        let running = ListParams::default().fields("status.phase!=Succeeded,status.phase!=Failed");
        let all = ListParams::default();
        let lists = async { tokio::try_join!(nodes.list(&all), pods.list(&running)) };
        let Ok(Ok((nodes, pods))) = timeout(ANSWER, lists).await else {
            return Self::default();
        };
        let nodes: Vec<Node> = nodes.items.into_iter().filter(schedulable).collect();
        Self {
            free: insufficient(message)
                .iter()
                .filter_map(|resource| most(resource, &nodes, &pods.items))
                .collect(),
            other_cpus: needed
                .map(|needed| other_cpus(&nodes, needed))
                .unwrap_or_default(),
        }
    }
}

/// The architectures of the schedulable nodes. Empty if this user cannot list nodes.
pub async fn architectures(cluster: &Cluster) -> Vec<String> {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let all = ListParams::default();
    let Ok(Ok(nodes)) = timeout(ANSWER, nodes.list(&all)).await else {
        return Vec::new();
    };
    let nodes: Vec<Node> = nodes.items.into_iter().filter(schedulable).collect();
    cpus(&nodes)
}

/// Whether a node is not cordoned.
fn schedulable(node: &Node) -> bool {
    let cordoned = node.spec.as_ref().and_then(|it| it.unschedulable);
    cordoned != Some(true)
}

/// The nodes' architectures, or nothing if they include the needed one.
fn other_cpus(nodes: &[Node], needed: &str) -> Vec<String> {
    let cpus = cpus(nodes);
    match cpus.iter().any(|cpu| cpu == needed) {
        true => Vec::new(),
        false => cpus,
    }
}

fn cpus(nodes: &[Node]) -> Vec<String> {
    let mut cpus: Vec<String> = nodes
        .iter()
        .filter_map(|node| {
            Some(
                node.status
                    .as_ref()?
                    .node_info
                    .as_ref()?
                    .architecture
                    .clone(),
            )
        })
        .collect();
    cpus.sort();
    cpus.dedup();
    cpus.retain(|cpu| !cpu.is_empty());
    cpus
}

/// The resources in `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu.`
fn insufficient(message: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for rest in message.split("Insufficient ").skip(1) {
        let name: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-./_".contains(*c))
            .collect();
        let name = name.trim_end_matches('.').to_owned();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn most(resource: &str, nodes: &[Node], pods: &[Pod]) -> Option<FreeCapacity> {
    let capacities = nodes.iter().filter_map(|node| {
        let name = node.metadata.name.clone()?;
        let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
        let of = amount(allocatable.get(resource))?;
        let taken: f64 = pods
            .iter()
            .filter_map(|pod| pod.spec.as_ref())
            .filter(|spec| spec.node_name.as_ref() == Some(&name))
            .map(|spec| requested(spec, resource))
            .sum();
        Some(FreeCapacity {
            resource: resource.to_owned(),
            node: name,
            free: (of - taken).max(0.0),
            of,
        })
    });
    capacities.max_by(|one, other| one.free.total_cmp(&other.free))
}

/// The requests of a pod's containers. Init containers run before them, so the larger sum counts.
fn requested(spec: &PodSpec, resource: &str) -> f64 {
    let of = |container: &k8s_openapi::api::core::v1::Container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        amount(requests.get(resource))
    };
    let containers: f64 = spec.containers.iter().filter_map(of).sum();
    let first = spec.init_containers.iter().flatten().filter_map(of);
    first.fold(containers, f64::max)
}

fn amount(quantity: Option<&Quantity>) -> Option<f64> {
    quantity::parse(&quantity?.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, cpu: &str, memory: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name}, "status": {"allocatable": {"cpu": cpu, "memory": memory}},
        }))
        .unwrap()
    }

    fn pod(node: &str, cpu: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {}, "spec": {"nodeName": node, "containers": [
                {"name": "one", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}},
                {"name": "two", "resources": {"requests": {"cpu": "100m"}}},
                {"name": "three"},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn the_node_with_the_largest_free_capacity_is_selected() {
        let nodes = [node("small", "2", "4Gi"), node("large", "8", "32Gi")];
        let pods = [pod("large", "6900m"), pod("small", "500m")];
        let free = |resource| most(resource, &nodes, &pods).unwrap().to_string();
        assert_eq!(free("cpu"), "cpu 1.4 of 2 on small");
        assert_eq!(free("memory"), "memory 31Gi of 32Gi on large");
        assert_eq!(most("nvidia.com/gpu", &nodes, &pods), None);
    }

    #[test]
    fn architectures_are_listed_if_the_needed_one_is_missing() {
        let arm: Node = serde_json::from_value(json!({
            "metadata": {"name": "arm"}, "status": {"nodeInfo": {
                "architecture": "arm64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": "",
            }},
        }))
        .unwrap();
        let nodes = [arm.clone(), arm];
        assert_eq!(other_cpus(&nodes, "amd64"), ["arm64"]);
        assert_eq!(other_cpus(&nodes, "arm64"), [""; 0]);
    }

    #[test]
    fn insufficient_resources_are_parsed_from_the_schedulers_message() {
        let message = "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 3 Insufficient cpu.";
        assert_eq!(insufficient(message), ["cpu", "nvidia.com/gpu"]);
        assert_eq!(
            insufficient("0/1 nodes are available: 1 Too many pods."),
            [""; 0]
        );
    }
}
