//! Creates a service's objects in the cluster.
//!
//! The workload is created first, paused, because it owns the other objects: from then on, one
//! deletion removes everything. It is unpaused once all objects exist and the tunnel, which
//! survives this process, watches it.

use futures_util::future::try_join_all;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::Value;

use super::{
    Cluster, KubernetesError, Workload,
    kinds::{self, Controller, MANAGED_BY, MANAGER},
    objects::Objects,
};

/// Creates a service's objects, but no pod yet.
///
/// # Errors
/// If a name is taken, or the cluster rejects an object. The objects created so far are deleted.
pub async fn apply(
    cluster: &Cluster,
    objects: &Objects,
    controller: Controller,
) -> Result<Workload, KubernetesError> {
    let all: Vec<&Value> = std::iter::once(&objects.workload)
        .chain(&objects.dependents)
        .collect();
    let exist = try_join_all(all.iter().map(|object| exists(cluster, object))).await?;
    if exist.first() == Some(&true) {
        // It did not exist a moment ago: another process has created it. Do not modify it.
        return Err(KubernetesError::CreatedConcurrently {
            service: name(&objects.workload).to_owned(),
        });
    }
    let applied = server_side(cluster, &objects.paused_workload()).await?;
    let workload = Workload {
        controller,
        name: applied.metadata.name.unwrap_or_default(),
        uid: applied.metadata.uid.unwrap_or_default(),
    };
    let rest = async {
        // A RoleBinding is rejected until its Role exists.
        let dependents = objects.dependents_of(&workload.uid);
        let (bindings, others): (Vec<_>, Vec<_>) = dependents
            .iter()
            .partition(|object| kind(object) == "RoleBinding");
        for wave in [others, bindings] {
            try_join_all(wave.iter().map(|object| server_side(cluster, object))).await?;
        }
        Ok(())
    };
    match rest.await {
        Ok(()) => Ok(workload),
        Err(error) => {
            // Report the first error. `cargo kt ls` shows a service that could not be deleted.
            let _ = super::remove::remove(cluster, &workload).await;
            Err(error)
        }
    }
}

/// Unpauses the workload, so that it creates its pod.
///
/// # Errors
/// If the cluster rejects the change.
pub async fn unpause(cluster: &Cluster, objects: &Objects) -> Result<(), KubernetesError> {
    server_side(cluster, &objects.workload).await.map(drop)
}

/// Whether an object of this name and kind exists.
async fn exists(cluster: &Cluster, object: &Value) -> Result<bool, KubernetesError> {
    let (api, name) = address(cluster, object)?;
    let found = cluster
        .ask("get", object, api.get_metadata_opt(&name))
        .await?;
    let Some(found) = found else {
        return Ok(false);
    };
    let labels = found.metadata.labels.unwrap_or_default();
    match labels.get(MANAGED_BY).map(String::as_str) {
        Some(MANAGER) => Ok(true),
        _ => Err(KubernetesError::ForeignObject {
            kind: kind(object).to_lowercase(),
            name,
            namespace: cluster.namespace.clone(),
        }),
    }
}

async fn server_side(cluster: &Cluster, object: &Value) -> Result<DynamicObject, KubernetesError> {
    let (api, name) = address(cluster, object)?;
    let mut parameters = PatchParams::apply(MANAGER);
    // Report a field that the cluster does not know, instead of dropping it.
    parameters.field_validation = Some(kube::api::ValidationDirective::Strict);
    let patch = Patch::Apply(object);
    let applying = api.patch(&name, &parameters, &patch);
    Ok(cluster.ask("patch", object, applying).await?)
}

fn address(
    cluster: &Cluster,
    object: &Value,
) -> Result<(Api<DynamicObject>, String), KubernetesError> {
    let resource = kinds::of(object).ok_or_else(|| KubernetesError::UnknownKind {
        kind: kind(object).to_owned(),
    })?;
    let api = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    Ok((api, name(object).to_owned()))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or("object")
}
