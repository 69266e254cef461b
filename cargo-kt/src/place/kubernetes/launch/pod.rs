//! The pod of a workload, as it is now.

use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{Api, api::ListParams};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::{
    LaunchError, RunningPod,
    seen::{Change, Seen, container},
    verdict::{Verdict, verdict},
    watch,
};
use crate::place::kubernetes::{Cluster, Workload};

/// How long a pod may be waited for in vain.
const LOOK: Duration = Duration::from_secs(1);

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
    let mut seen = Seen::new(workload);
    for pod in list.items {
        seen.take(Change::Pod(Box::new(pod)));
    }
    Ok(seen.running())
}

/// The image of a workload's pod, as the node names it.
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

/// Whether a workload's pod is in a state from which it does not come up by itself.
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
    let mut seen = Seen::new(workload);
    let pods = pods.items.into_iter();
    let events = events.items.into_iter();
    pods.for_each(|pod| seen.take(Change::Pod(Box::new(pod))));
    events.for_each(|event| seen.take(Change::Event(Box::new(event))));
    Ok(matches!(verdict(&seen), Verdict::Failed(_)))
}

/// The pod of a workload, once it runs. For all that is known its container may have ended by then: who connects finds out.
///
/// # Errors
/// If that takes longer than `patience`, or the workload is gone.
pub async fn wait_for_pod(
    cluster: &Cluster,
    workload: &Workload,
    patience: Duration,
) -> Result<RunningPod, LaunchError> {
    let deadline = Instant::now() + patience;
    exists(cluster, workload).await?;
    let mut changes = watch::changes(cluster, workload);
    let mut seen = Seen::new(workload);
    loop {
        if let Some(pod) = seen.running().or_else(|| seen.just_started()) {
            return Ok(pod);
        }
        let look = deadline.min(Instant::now() + LOOK);
        match timeout_at(look, changes.next()).await {
            Ok(Some(change)) => {
                let gone = matches!(change, Change::PodGone(_));
                seen.take(change);
                if gone {
                    exists(cluster, workload).await?;
                }
            }
            // A workload that goes before it has made a pod is no news of any pod.
            Err(_) if Instant::now() < deadline => {
                if let Err(gone @ LaunchError::Gone { .. }) = exists(cluster, workload).await {
                    return Err(gone);
                }
            }
            Ok(None) | Err(_) => {
                exists(cluster, workload).await?;
                return Err(LaunchError::TimedOut {
                    service: workload.name.clone(),
                    after: patience,
                    waiting_for: "for its container to run".to_owned(),
                    last: seen.last_words(),
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
        false => Err(LaunchError::Gone {
            service: workload.name.clone(),
        }),
    }
}
