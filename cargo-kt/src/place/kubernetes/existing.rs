//! Services that are in the cluster already, found by their names.

use futures_util::future::join_all;

use super::{
    Cluster, Controller, KubernetesError, Workload,
    kinds::{MANAGED_BY, MANAGER, OPTIONS, USER, WORKSPACE},
    remove::remove,
};

/// A service that is in the cluster.
pub struct Existing {
    pub workload: Workload,
    pub workspace: String,
    /// The label of whose it is.
    pub user: String,
    /// It has never been let go: whoever made it was interrupted.
    pub unfinished: bool,
    pub options: String,
}

/// A workload of this name that is ours, whoever's workspace it is for.
///
/// # Errors
/// If one of this name is not ours, or the cluster cannot be asked.
pub async fn existing(cluster: &Cluster, name: &str) -> Result<Option<Existing>, KubernetesError> {
    let looks = Controller::ALL.map(|controller| async move {
        let what = serde_json::json!({"kind": controller.kind().kind, "metadata": {"name": name}});
        let api = controller.api(&cluster.client, &cluster.namespace);
        let found = cluster.ask("get", &what, api.get_opt(name)).await?;
        Ok::<_, KubernetesError>(found.map(|found| {
            let spec = &found.data["spec"];
            let unfinished = spec["paused"] == true || spec["suspend"] == true;
            (controller, found.metadata, unfinished)
        }))
    });
    // All of them, so that the first one's error is told and not the quickest one's.
    let looked: Result<Vec<_>, _> = join_all(looks).await.into_iter().collect();
    for (controller, metadata, unfinished) in looked?.into_iter().flatten() {
        let mut labels = metadata.labels.unwrap_or_default();
        if labels.get(MANAGED_BY).map(String::as_str) != Some(MANAGER) {
            return Err(KubernetesError::NotOurs {
                kind: controller.resource().to_owned(),
                name: name.to_owned(),
                namespace: cluster.namespace.clone(),
            });
        }
        // It is on its way out: the names of what it owns are not free yet.
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
