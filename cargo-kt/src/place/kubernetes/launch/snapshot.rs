//! A snapshot of one launch, updated from the cluster's watch events.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{ContainerStatus, Event, Pod},
};
use kube::ResourceExt as _;
use tokio::time::Instant;

use super::CONTAINER;
use crate::place::LaunchStep;
use crate::place::kubernetes::Workload;

/// A change in the cluster.
#[derive(Debug, Clone)]
pub enum Change {
    Pod(Box<Pod>),
    PodDeleted(String),
    /// A ReplicaSet of the workload, or of a former workload of the same name.
    ReplicaSet(Box<ReplicaSet>),
    Event(Box<Event>),
}

/// An event about the workload, its ReplicaSet or its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterEvent {
    /// The uid of the involved object.
    pub uid: String,
    /// The field of the object, such as `spec.containers{kt}`.
    pub part: String,
    pub reason: String,
    pub message: String,
    pub warning: bool,
}

#[derive(Debug)]
pub struct LaunchSnapshot {
    /// The uids of the workload and of its ReplicaSets.
    owners: Vec<String>,
    pods: BTreeMap<String, Pod>,
    events: Vec<ClusterEvent>,
    changed: Instant,
}

impl LaunchSnapshot {
    pub fn new(workload: &Workload) -> Self {
        Self {
            owners: vec![workload.uid.clone()],
            pods: BTreeMap::new(),
            events: Vec::new(),
            changed: Instant::now(),
        }
    }

    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Pod(pod) => {
                let uid = pod.metadata.uid.clone().unwrap_or_default();
                let before = self.pods.insert(uid, *pod);
                // A condition's heartbeat does not count as a change.
                let after = self.pod();
                let status = |pod: &Pod| {
                    pod.status
                        .clone()
                        .map(|it| (it.conditions, it.container_statuses))
                };
                if before.as_ref().map(status) != after.map(status) {
                    self.changed = Instant::now();
                }
            }
            Change::PodDeleted(uid) => {
                self.pods.remove(&uid);
                self.changed = Instant::now();
            }
            Change::ReplicaSet(set) => {
                let owners = set.metadata.owner_references.into_iter().flatten();
                let ours = owners
                    .into_iter()
                    .any(|owner| self.owners.contains(&owner.uid));
                self.owners.extend(set.metadata.uid.filter(|_| ours));
            }
            Change::Event(event) => self.record_event(*event),
        }
    }

    fn record_event(&mut self, event: Event) {
        // Keep events of all objects: an event may arrive before its object.
        let event = ClusterEvent {
            uid: event.involved_object.uid.unwrap_or_default(),
            part: event.involved_object.field_path.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            warning: event.type_.as_deref() == Some("Warning"),
        };
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// The newest pod that is not being deleted.
    pub fn pod(&self) -> Option<&Pod> {
        let remaining = self
            .pods
            .values()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        remaining.max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
    }

    /// Events about the workload, its ReplicaSets and its pod.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &ClusterEvent> {
        // Match by uid, to ignore events of a former workload of the same name.
        let pod = self.pod().and_then(|pod| pod.metadata.uid.as_deref());
        let about = move |event: &&ClusterEvent| {
            pod == Some(&*event.uid) || self.owners.contains(&event.uid)
        };
        self.events.iter().filter(about)
    }

    pub fn container(&self) -> Option<&ContainerStatus> {
        container(self.pod()?)
    }

    /// The CPU architecture that the pod requires, by its Kubernetes name.
    pub fn cpu(&self) -> Option<String> {
        let labels = self.pod()?.spec.as_ref()?.node_selector.as_ref()?;
        labels.get("kubernetes.io/arch").cloned()
    }

    pub fn unchanged_for(&self) -> Duration {
        self.changed.elapsed()
    }

    pub fn changed_at(&self) -> Instant {
        self.changed
    }

    /// The message of the last warning, or of the last event.
    pub fn last_message(&self) -> Option<String> {
        let mut events: Vec<&ClusterEvent> = self.events().collect();
        events.sort_by_key(|event| event.warning);
        events.pop().map(|event| event.message.clone())
    }

    /// The completed phases.
    pub fn steps(&self) -> Vec<LaunchStep> {
        let mut steps = Vec::new();
        let Some(pod) = self.pod() else {
            return steps;
        };
        if let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) {
            steps.push(LaunchStep::Scheduled { node });
        }
        if let Some(pulled) = self.events().find(|event| event.reason == "Pulled") {
            let message = pulled.message.clone();
            steps.push(LaunchStep::Pulled {
                message,
                size: None,
            });
        }
        if let Some(pod) = self.running().or_else(|| self.just_started()) {
            steps.push(LaunchStep::Started { pod: pod.name });
        }
        steps
    }

    /// Whether the node has begun to pull the image whose quoted name this is, and whether it has it.
    pub fn pull_of(&self, name: &str) -> (bool, bool) {
        let has = |reason: &str| {
            let mut events = self.events().filter(|event| event.reason == reason);
            events.any(|event| event.message.contains(name))
        };
        (has("Pulling"), has("Pulled"))
    }

    /// The pod, if its status has a running container.
    pub fn running(&self) -> Option<RunningPod> {
        RunningPod::of(self.pod()?)
    }

    /// The pod, if the kubelet has reported its container's first start in an event, but not yet in
    /// the status. The kubelet polls containers once a second (its `PodLifecycleEventGenerator`),
    /// but reports a start immediately.
    pub fn just_started(&self) -> Option<RunningPod> {
        let pod = self.pod()?;
        let is_new = self.container().is_none_or(|status| {
            let waiting = status
                .state
                .as_ref()
                .and_then(|state| state.waiting.as_ref());
            let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
            // The initial state: a crash has another reason, or a restart count.
            status.restart_count == 0 && reason == Some("ContainerCreating")
        });
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let part = format!("spec.containers{{{CONTAINER}}}");
        let started = self
            .events
            .iter()
            .any(|event| event.uid == uid && event.part == part && event.reason == "Started");
        (is_new && started).then(|| RunningPod {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid,
            restarts: 0,
        })
    }
}

pub fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.iter().find(|status| status.name == CONTAINER)
}

/// A pod whose container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningPod {
    pub name: String,
    pub uid: String,
    /// How often its container was started again.
    pub restarts: i32,
}

impl RunningPod {
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let status = container(pod)?;
        status.state.as_ref()?.running.as_ref()?;
        Some(Self {
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            restarts: status.restart_count,
        })
    }
}
