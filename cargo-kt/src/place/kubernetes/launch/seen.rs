//! All that the cluster has said of one launch.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{ContainerStatus, Event, Pod},
};
use kube::ResourceExt as _;
use tokio::time::Instant;

use super::{CONTAINER, Step};
use crate::place::kubernetes::Workload;

/// News.
#[derive(Debug, Clone)]
pub enum Change {
    Pod(Box<Pod>),
    PodGone(String),
    /// Something that makes pods for the workload, or for a former one of its name.
    ReplicaSet(Box<ReplicaSet>),
    Event(Box<Event>),
}

/// An event about the workload, its ReplicaSet or its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Of the object that it is about.
    pub uid: String,
    /// The part of that object, such as `spec.containers{kt}`.
    pub part: String,
    pub reason: String,
    pub message: String,
    pub warning: bool,
}

#[derive(Debug)]
pub struct Seen {
    /// The ids of the workload and of what makes pods for it.
    makers: Vec<String>,
    pods: BTreeMap<String, Pod>,
    events: Vec<Said>,
    changed: Instant,
}

impl Seen {
    pub fn new(workload: &Workload) -> Self {
        Self {
            makers: vec![workload.uid.clone()],
            pods: BTreeMap::new(),
            events: Vec::new(),
            changed: Instant::now(),
        }
    }

    pub fn take(&mut self, change: Change) {
        match change {
            Change::Pod(pod) => {
                let uid = pod.metadata.uid.clone().unwrap_or_default();
                let before = self.pods.insert(uid, *pod);
                // A condition's heartbeat is no news.
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
            Change::PodGone(uid) => {
                self.pods.remove(&uid);
                self.changed = Instant::now();
            }
            Change::ReplicaSet(set) => {
                let owners = set.metadata.owner_references.into_iter().flatten();
                let ours = owners
                    .into_iter()
                    .any(|owner| self.makers.contains(&owner.uid));
                self.makers.extend(set.metadata.uid.filter(|_| ours));
            }
            Change::Event(event) => self.hear(*event),
        }
    }

    fn hear(&mut self, event: Event) {
        // Kept for whatever it is about: an object may be heard of before it is seen.
        let said = Said {
            uid: event.involved_object.uid.unwrap_or_default(),
            part: event.involved_object.field_path.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            warning: event.type_.as_deref() == Some("Warning"),
        };
        if !self.events.contains(&said) {
            self.events.push(said);
        }
    }

    /// The pod that counts: the newest one that is not on its way out.
    pub fn pod(&self) -> Option<&Pod> {
        let staying = self
            .pods
            .values()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        staying.max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
    }

    /// Events about what the pod comes from, and about the pod itself.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Said> {
        // By their ids: what was said of a former one of the same name is over.
        let pod = self.pod().and_then(|pod| pod.metadata.uid.as_deref());
        let about = move |said: &&Said| pod == Some(&*said.uid) || self.makers.contains(&said.uid);
        self.events.iter().filter(about)
    }

    pub fn container(&self) -> Option<&ContainerStatus> {
        container(self.pod()?)
    }

    /// The CPU architecture that the pod needs, as Kubernetes names it.
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

    /// The last that was said at all, warnings first.
    pub fn last_words(&self) -> Option<String> {
        let mut events: Vec<&Said> = self.events().collect();
        events.sort_by_key(|said| said.warning);
        events.pop().map(|said| said.message.clone())
    }

    /// The phases that are over.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(pod) = self.pod() else {
            return steps;
        };
        if let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) {
            steps.push(Step::Scheduled { node });
        }
        if let Some(pulled) = self.events().find(|said| said.reason == "Pulled") {
            let words = pulled.message.clone();
            steps.push(Step::Pulled { words });
        }
        if let Some(pod) = self.running().or_else(|| self.just_started()) {
            steps.push(Step::Started { pod: pod.name });
        }
        steps
    }

    /// The pod, if its status says that its container runs.
    pub fn running(&self) -> Option<RunningPod> {
        RunningPod::of(self.pod()?)
    }

    /// The pod, if the kubelet has told of its container's first start and its status says nothing of the container yet: the
    /// kubelet looks at what became of containers once a second (its `PodLifecycleEventGenerator`), and tells of a start at once.
    pub fn just_started(&self) -> Option<RunningPod> {
        let pod = self.pod()?;
        let is_new = self.container().is_none_or(|status| {
            let waiting = status
                .state
                .as_ref()
                .and_then(|state| state.waiting.as_ref());
            let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
            // As it was created: a crash has other words, or a restart behind it.
            status.restart_count == 0 && reason == Some("ContainerCreating")
        });
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let part = format!("spec.containers{{{CONTAINER}}}");
        let told = self
            .events
            .iter()
            .any(|said| said.uid == uid && said.part == part && said.reason == "Started");
        (is_new && told).then(|| RunningPod {
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
