//! Queries the pod of a workload.

use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{Api, api::ListParams};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::{
    LaunchError, RunningPod,
    seen::{Change, LaunchSnapshot, container},
    verdict::{Verdict, verdict},
    watch,
};
use crate::place::kubernetes::{Cluster, Workload};

/// Interval between checks whether the workload still exists.
const POLL: Duration = Duration::from_secs(1);

/// The pod of a workload, if it runs.
///
/// # Errors
/// If the pods cannot be listed.
pub async fn pod_of(
    cluster: &Cluster,
    workload: &Workload,
) -> Result<Option<RunningPod>, LaunchError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let parameters = ListParams::default().labels(&watch::selector(workload));
    let what = serde_json::json!({"kind": "Pod"});
    let list = cluster.ask("list", &what, pods.list(&parameters)).await?;
    let mut snapshot = LaunchSnapshot::new(workload);
    for pod in list.items {
        snapshot.apply(Change::Pod(Box::new(pod)));
    }
    Ok(snapshot.running())
}

/// The image of a workload's pod, as reported by the node.
///
/// # Errors
/// If the pods cannot be listed.
pub async fn image_of(
    cluster: &Cluster,
    workload: &Workload,
) -> Result<Option<String>, LaunchError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let parameters = ListParams::default().labels(&watch::selector(workload));
    let list = cluster
        .ask("list", &json!({"kind": "Pod"}), pods.list(&parameters))
        .await?;
    let mut images = list.items.iter().filter_map(container);
    Ok(images.next().map(|container| container.image.clone()))
}

/// Whether a workload's pod has failed and cannot recover on its own.
///
/// # Errors
/// If pods and events cannot be listed.
pub async fn has_failed(cluster: &Cluster, workload: &Workload) -> Result<bool, LaunchError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let parameters = ListParams::default().labels(&watch::selector(workload));
    let all = ListParams::default();
    let (pod, event) = (json!({"kind": "Pod"}), json!({"kind": "Event"}));
    let (pods, events) = tokio::try_join!(
        cluster.ask("list", &pod, pods.list(&parameters)),
        cluster.ask("list", &event, events.list(&all)),
    )?;
    let mut snapshot = LaunchSnapshot::new(workload);
    let pods = pods.items.into_iter();
    let events = events.items.into_iter();
    pods.for_each(|pod| snapshot.apply(Change::Pod(Box::new(pod))));
    events.for_each(|event| snapshot.apply(Change::Event(Box::new(event))));
    Ok(matches!(verdict(&snapshot), Verdict::Failed(_)))
}

/// Waits for the pod of a workload to run. Its container may have stopped again by then: the
/// connection attempt shows that.
///
/// # Errors
/// If that takes longer than `limit`, or the workload no longer exists.
pub async fn wait_for_pod(
    cluster: &Cluster,
    workload: &Workload,
    limit: Duration,
) -> Result<RunningPod, LaunchError> {
    let deadline = Instant::now() + limit;
    exists(cluster, workload).await?;
    let mut changes = watch::changes(cluster, workload);
    let mut snapshot = LaunchSnapshot::new(workload);
    loop {
        if let Some(pod) = snapshot.running().or_else(|| snapshot.just_started()) {
            return Ok(pod);
        }
        let wake = deadline.min(Instant::now() + POLL);
        match timeout_at(wake, changes.next()).await {
            Ok(Some(change)) => {
                let gone = matches!(change, Change::PodDeleted(_));
                snapshot.apply(change);
                if gone {
                    exists(cluster, workload).await?;
                }
            }
            // The deletion of a workload that has no pod yet causes no pod event.
            Err(_) if Instant::now() < deadline => {
                if let Err(gone @ LaunchError::NotFound { .. }) = exists(cluster, workload).await {
                    return Err(gone);
                }
            }
            Ok(None) | Err(_) => {
                exists(cluster, workload).await?;
                return Err(LaunchError::TimedOut {
                    service: workload.name.clone(),
                    after: limit,
                    waiting_for: "for its container to run".to_owned(),
                    last: snapshot.last_message(),
                });
            }
        }
    }
}

async fn exists(cluster: &Cluster, workload: &Workload) -> Result<(), LaunchError> {
    let what = serde_json::json!({"kind": workload.controller.kind().kind, "metadata": {"name": workload.name}});
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    let found = cluster
        .ask("get", &what, api.get_metadata_opt(&workload.name))
        .await?;
    let is_it = found.is_some_and(|found| {
        found.metadata.uid.as_ref() == Some(&workload.uid)
            && found.metadata.deletion_timestamp.is_none()
    });
    match is_it {
        true => Ok(()),
        false => Err(LaunchError::NotFound {
            service: workload.name.clone(),
        }),
    }
}
