//! Objects out of the cluster.

use std::time::Duration;

use futures_util::future::join_all;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams, Preconditions},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Cluster, KubernetesError, Workload,
    kinds::{self, MANAGED_BY, MANAGER, NAME},
};

/// How long the pod may take to end and the cluster to forget all of it. Its grace period is 10 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Deletes a workload and everything that it owns, and waits until nothing of it is left.
///
/// # Errors
/// If the cluster refuses, or something is still there after 40 s.
pub async fn remove(cluster: &Cluster, workload: &Workload) -> Result<(), KubernetesError> {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    let what = serde_json::json!({"kind": workload.controller.kind().kind, "metadata": {"name": workload.name}});
    // Not another one of the same name that was made meanwhile.
    let parameters = DeleteParams::background().preconditions(Preconditions {
        uid: Some(workload.uid.clone()),
        resource_version: None,
    });
    let deleting = async {
        match api.delete(&workload.name, &parameters).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    };
    cluster.ask("delete", &what, deleting).await?;
    let deadline = Instant::now() + PATIENCE;
    // The garbage collector would get to them too, in its own time.
    let owned = kinds::dependents().map(|kind| {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        delete_owned(api, workload)
    });
    let _ = timeout_at(deadline, join_all(owned)).await;
    loop {
        // No answer is no sign that it is gone.
        let looked = timeout_at(deadline, left(cluster, workload)).await;
        match looked.unwrap_or(Some(workload.controller.resource())) {
            None => return Ok(()),
            Some(what) if Instant::now() >= deadline => {
                return Err(KubernetesError::Remains {
                    what,
                    name: workload.name.clone(),
                    after: PATIENCE,
                });
            }
            Some(_) => sleep(LOOK).await,
        }
    }
}

/// Deletes the objects of a kind that have the workload for an owner.
async fn delete_owned(api: Api<DynamicObject>, workload: &Workload) {
    // Who may not list these has not made any.
    let Ok(found) = api.list_metadata(&ours(workload)).await else {
        return;
    };
    let owned = found
        .items
        .into_iter()
        .filter(|it| is_owned(&it.metadata, workload));
    let deletions = owned.filter_map(|object| {
        let (name, uid) = (object.metadata.name?, object.metadata.uid);
        let parameters = DeleteParams::background().preconditions(Preconditions {
            uid,
            resource_version: None,
        });
        let api = &api;
        Some(async move { api.delete(&name, &parameters).await })
    });
    join_all(deletions).await;
}

fn is_owned(object: &ObjectMeta, workload: &Workload) -> bool {
    let owners = object.owner_references.iter().flatten();
    owners.into_iter().any(|owner| owner.uid == workload.uid)
}

/// What of the service is still there, or may be for all that is known.
async fn left(cluster: &Cluster, workload: &Workload) -> Option<&'static str> {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    match api.get_metadata_opt(&workload.name).await {
        Ok(Some(found)) if found.metadata.uid.as_deref() == Some(&workload.uid) => {
            return Some(workload.controller.resource());
        }
        // Somebody has the name again, and what goes by it is theirs.
        Ok(Some(_)) => return None,
        Ok(None) => {}
        Err(_) => return Some(workload.controller.resource()),
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    if some(pods.list_metadata(&ours(workload)).await, |list| {
        !list.items.is_empty()
    }) {
        return Some("pod");
    }
    let looks = kinds::dependents().map(|kind| async move {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        some(api.list_metadata(&ours(workload)).await, |list| {
            list.items.iter().any(|it| is_owned(&it.metadata, workload))
        })
    });
    let found = join_all(looks).await;
    found.contains(&true).then_some("object that it owns")
}

/// Whether there is something in an answer. Who may not ask has made nothing of the kind; no answer may be anything.
fn some<T>(answer: Result<T, kube::Error>, holds: impl FnOnce(T) -> bool) -> bool {
    match answer {
        Ok(answer) => holds(answer),
        Err(kube::Error::Api(status)) => !matches!(status.code, 403 | 404),
        Err(_) => true,
    }
}

fn ours(workload: &Workload) -> ListParams {
    let name = &workload.name;
    ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{NAME}={name}"))
}

/// Not there any more, or another one by now.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}
