//! Objects into the cluster.
//!
//! The workload comes first and inert, because the others are owned by it: whatever happens from there on, one deletion
//! takes everything along. Once all are there, and somebody watches who survives this process, it is let go.

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

/// Creates a service's objects, and no pod yet.
///
/// # Errors
/// If one of the names is taken, or the cluster refuses an object. What was created by then is deleted again.
pub async fn apply(
    cluster: &Cluster,
    objects: &Objects,
    controller: Controller,
) -> Result<Workload, KubernetesError> {
    let all: Vec<&Value> = std::iter::once(&objects.workload)
        .chain(&objects.dependents)
        .collect();
    let there = try_join_all(all.iter().map(|object| is_there(cluster, object))).await?;
    if there.first() == Some(&true) {
        // There was none a moment ago. What somebody else makes is not changed under them.
        return Err(KubernetesError::JustMade {
            service: name(&objects.workload).to_owned(),
        });
    }
    let applied = server_side(cluster, &objects.inert_workload()).await?;
    let workload = Workload {
        controller,
        name: applied.metadata.name.unwrap_or_default(),
        uid: applied.metadata.uid.unwrap_or_default(),
    };
    let rest = async {
        // A binding is refused while the role that it names is not there.
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
            // The first error is the one to tell; `cargo kt ls` shows what could not be deleted.
            let _ = super::remove::remove(cluster, &workload).await;
            Err(error)
        }
    }
}

/// Lets the workload make its pod.
///
/// # Errors
/// If the cluster refuses.
pub async fn let_go(cluster: &Cluster, objects: &Objects) -> Result<(), KubernetesError> {
    server_side(cluster, &objects.workload).await.map(drop)
}

/// Whether an object of this name and kind is there.
async fn is_there(cluster: &Cluster, object: &Value) -> Result<bool, KubernetesError> {
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
        _ => Err(KubernetesError::NotOurs {
            kind: kind(object).to_lowercase(),
            name,
            namespace: cluster.namespace.clone(),
        }),
    }
}

async fn server_side(cluster: &Cluster, object: &Value) -> Result<DynamicObject, KubernetesError> {
    let (api, name) = address(cluster, object)?;
    let mut parameters = PatchParams::apply(MANAGER);
    // A field that this cluster does not know is an error, and not left out in silence.
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
