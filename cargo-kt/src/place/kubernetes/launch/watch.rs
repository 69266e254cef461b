//! A stream of the changes to a workload's objects.

use futures_util::{StreamExt, stream, stream::BoxStream};
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

use super::seen::Change;
use crate::place::kubernetes::{
    Cluster, Workload,
    kinds::{MANAGED_BY, MANAGER, NAME},
};

/// The label selector of a workload's pods.
pub fn selector(workload: &Workload) -> String {
    format!("{MANAGED_BY}={MANAGER},{NAME}={}", workload.name)
}

/// Changes of the workload's pods and ReplicaSets, and the namespace's events. Lost watches are
/// re-established. Without a right to watch a kind, its changes are missing.
pub fn changes(cluster: &Cluster, workload: &Workload) -> BoxStream<'static, Change> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let config = watcher::Config::default().labels(&selector(workload));
    let pods = watcher(pods, config)
        .default_backoff()
        .filter_map(async |change| match change.ok()? {
            watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => {
                Some(Change::Pod(Box::new(pod)))
            }
            watcher::Event::Delete(pod) => Some(Change::PodDeleted(pod.uid().unwrap_or_default())),
            watcher::Event::Init | watcher::Event::InitDone => None,
        });
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let events = watcher(events, watcher::Config::default())
        .default_backoff()
        .filter_map(async |change| match change.ok()? {
            watcher::Event::Apply(event) | watcher::Event::InitApply(event) => {
                Some(Change::Event(Box::new(event)))
            }
            _ => None,
        });
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let config = watcher::Config::default().labels(&selector(workload));
    let sets = watcher(sets, config)
        .default_backoff()
        .filter_map(async |change| match change.ok()? {
            watcher::Event::Apply(set) | watcher::Event::InitApply(set) => {
                Some(Change::ReplicaSet(Box::new(set)))
            }
            _ => None,
        });
    stream::select(pods, stream::select(events, sets)).boxed()
}
