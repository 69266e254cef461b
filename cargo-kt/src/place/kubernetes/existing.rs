//! Finds existing services in the cluster by name.

use futures_util::future::join_all;

use super::{
    Cluster, Controller, KubernetesError, Workload,
    kinds::{MANAGED_BY, MANAGER, OPTIONS, USER, WORKSPACE},
    remove::remove,
};

/// A service that exists in the cluster.
pub struct Existing {
    pub workload: Workload,
    pub workspace: String,
    /// The value of the user label.
    pub user: String,
    /// It is still paused: the process that created it was interrupted.
    pub unfinished: bool,
    pub options: String,
}

/// A workload of this name that cargo-kt created, for any workspace.
///
/// # Errors
/// If cargo-kt did not create the workload, or the cluster cannot be queried.
pub async fn existing(cluster: &Cluster, name: &str) -> Result<Option<Existing>, KubernetesError> {
    let queries = Controller::ALL.map(|controller| async move {
        let what = serde_json::json!({"kind": controller.kind().kind, "metadata": {"name": name}});
        let api = controller.api(&cluster.client, &cluster.namespace);
        let found = cluster.ask("get", &what, api.get_opt(name)).await?;
        Ok::<_, KubernetesError>(found.map(|found| {
            let spec = &found.data["spec"];
            let unfinished = spec["paused"] == true || spec["suspend"] == true;
            (controller, found.metadata, unfinished)
        }))
    });
    // Await all of them, to report the error of the first one and not of the fastest one.
    let found: Result<Vec<_>, _> = join_all(queries).await.into_iter().collect();
    for (controller, metadata, unfinished) in found?.into_iter().flatten() {
        let mut labels = metadata.labels.unwrap_or_default();
        if labels.get(MANAGED_BY).map(String::as_str) != Some(MANAGER) {
            return Err(KubernetesError::ForeignObject {
                kind: controller.resource().to_owned(),
                name: name.to_owned(),
                namespace: cluster.namespace.clone(),
            });
        }
        // It is being deleted: the names of its dependents are not free yet.
        if metadata.deletion_timestamp.is_some() {
            let workload = Workload {
                controller,
                name: name.to_owned(),
                uid: metadata.uid.unwrap_or_default(),
            };
            remove(cluster, &workload).await?;
            continue;
        }
        let mut annotations = metadata.annotations.unwrap_or_default();
        return Ok(Some(Existing {
            workload: Workload {
                controller,
                name: name.to_owned(),
                uid: metadata.uid.unwrap_or_default(),
            },
            workspace: annotations.remove(WORKSPACE).unwrap_or_default(),
            user: labels.remove(USER).unwrap_or_default(),
            unfinished,
            options: annotations.remove(OPTIONS).unwrap_or_default(),
        }));
    }
    Ok(None)
}
