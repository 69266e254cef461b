//! Deletes a service's objects from the cluster.

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

/// Timeout for the deletion of the pod and all objects. The pod's grace period is 10 s.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Interval between checks.
const POLL: Duration = Duration::from_millis(50);

/// Deletes a workload and its dependents, and waits until all of them are deleted.
///
/// # Errors
/// If the cluster refuses, or an object still exists after 40 s.
pub async fn remove(cluster: &Cluster, workload: &Workload) -> Result<(), KubernetesError> {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    let what = serde_json::json!({"kind": workload.controller.kind().kind, "metadata": {"name": workload.name}});
    // Do not delete a new workload of the same name.
    let parameters = DeleteParams::background().preconditions(Preconditions {
        uid: Some(workload.uid.clone()),
        resource_version: None,
    });
    let deleting = async {
        match api.delete(&workload.name, &parameters).await {
            Err(error) if !is_deleted(&error) => Err(error),
            _ => Ok(()),
        }
    };
    cluster.ask("delete", &what, deleting).await?;
    let deadline = Instant::now() + TIMEOUT;
    // The garbage collector deletes them too, but later.
    let owned = kinds::dependents().map(|kind| {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        delete_owned(api, workload)
    });
    let _ = timeout_at(deadline, join_all(owned)).await;
    loop {
        // Without an answer, assume that it still exists.
        let remaining = timeout_at(deadline, remaining(cluster, workload)).await;
        match remaining.unwrap_or(Some(workload.controller.resource())) {
            None => return Ok(()),
            Some(what) if Instant::now() >= deadline => {
                return Err(KubernetesError::DeletionTimedOut {
                    what,
                    name: workload.name.clone(),
                    after: TIMEOUT,
                });
            }
            Some(_) => sleep(POLL).await,
        }
    }
}

/// Deletes the objects of a kind that the workload owns.
async fn delete_owned(api: Api<DynamicObject>, workload: &Workload) {
    // A user who cannot list this kind has not created any either.
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

/// A kind of object of which one still exists, or may still exist.
async fn remaining(cluster: &Cluster, workload: &Workload) -> Option<&'static str> {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    match api.get_metadata_opt(&workload.name).await {
        Ok(Some(found)) if found.metadata.uid.as_deref() == Some(&workload.uid) => {
            return Some(workload.controller.resource());
        }
        // A new workload has the name, and owns the objects of that name.
        Ok(Some(_)) => return None,
        Ok(None) => {}
        Err(_) => return Some(workload.controller.resource()),
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    if contains_any(pods.list_metadata(&ours(workload)).await, |list| {
        !list.items.is_empty()
    }) {
        return Some("pod");
    }
    let queries = kinds::dependents().map(|kind| async move {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        contains_any(api.list_metadata(&ours(workload)).await, |list| {
            list.items.iter().any(|it| is_owned(&it.metadata, workload))
        })
    });
    let found = join_all(queries).await;
    found.contains(&true).then_some("dependent object")
}

/// Whether an answer contains objects. A user who cannot list a kind has created none of it. Any
/// other error counts as yes.
fn contains_any<T>(answer: Result<T, kube::Error>, holds: impl FnOnce(T) -> bool) -> bool {
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

/// Whether the object no longer exists or was replaced by another one.
fn is_deleted(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}
