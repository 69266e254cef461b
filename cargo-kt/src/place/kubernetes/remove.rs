//! Objects out of the cluster.

use std::time::Duration;

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams, Preconditions},
};
use tokio::time::{Instant, sleep};

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
    // The garbage collector would get to them too, in its own time.
    join_all(kinds::dependents().map(|kind| {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        delete_owned(api, workload)
    }))
    .await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = left(cluster, workload).await;
        match left {
            None => return Ok(()),
            Some(what) if Instant::now() > deadline => {
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
    let owned = found.items.into_iter().filter(|object| {
        let owners = object.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| owner.uid == workload.uid)
    });
    let names: Vec<String> = owned.filter_map(|object| object.metadata.name).collect();
    let parameters = DeleteParams::background();
    join_all(names.iter().map(|name| api.delete(name, &parameters))).await;
}

/// What of the service is still there.
async fn left(cluster: &Cluster, workload: &Workload) -> Option<&'static str> {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    match api.get_metadata_opt(&workload.name).await {
        Ok(Some(found)) if found.metadata.uid.as_deref() == Some(&workload.uid) => {
            return Some(workload.controller.resource());
        }
        _ => {}
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match pods.list_metadata(&ours(workload)).await {
        Ok(list) if !list.items.is_empty() => return Some("pod"),
        _ => {}
    }
    let looks = kinds::dependents().map(|kind| async move {
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        let found = api.list_metadata(&ours(workload)).await;
        found.is_ok_and(|list| !list.items.is_empty())
    });
    let found = join_all(looks).await;
    found.contains(&true).then_some("object that it owns")
}

fn ours(workload: &Workload) -> ListParams {
    let name = &workload.name;
    ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{NAME}={name}"))
}

/// Not there any more, or another one by now.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}
