//! Lists, reaches and stops the services in a cluster.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use kt::wire::control::{Down, path};
use kube::{ResourceExt, api::ListParams};
use tokio::time::{sleep, timeout};

use super::{
    Cluster, HOST_PORT, KubernetesError, Workload,
    forward::forward,
    kinds::{Controller, MANAGED_BY, MANAGER, USER},
    launch,
    remove::remove,
    token,
    tunnel::Directory,
};
use crate::place::{
    Connected, Dirs, PlaceError, PlaceName, Service, State, cluster::Selection, connected, service,
};

/// Timeout after which a service is listed as unreachable.
const ANSWER: Duration = Duration::from_secs(5);
/// Time that a host needs to stop and to delete its objects, beyond the time for its calls.
const MARGIN: Duration = Duration::from_secs(5);
/// Interval between checks whether it has stopped.
const POLL: Duration = Duration::from_millis(100);

/// A service in the cluster.
struct Found {
    workload: Workload,
    user: String,
}

/// The services in a namespace, of this user or of all users.
///
/// # Errors
/// If they cannot be listed. A service that does not answer is part of the list.
pub async fn list(
    dirs: &Dirs,
    selection: &Selection,
    all_users: bool,
) -> Result<Vec<Service>, PlaceError> {
    let cluster = &open(selection).await?;
    let user = service::label(&service::user());
    let found = find(cluster, (!all_users).then_some(&user)).await?;
    let queries = found.into_iter().map(|found| async {
        // Do not read other users' tokens, even if the cluster allows it.
        let state = match found.user == user {
            true => query(dirs, cluster, &found.workload).await,
            false => State::Unreachable(format!("it belongs to {}", found.user)),
        };
        Service {
            name: found.workload.name,
            place: PlaceName::Kubernetes {
                context: cluster.context.clone(),
                namespace: cluster.namespace.clone(),
            },
            user: found.user,
            state,
        }
    });
    Ok(join_all(queries).await)
}

async fn open(selection: &Selection) -> Result<Cluster, KubernetesError> {
    Ok(Cluster::open(selection).await?)
}

async fn find(cluster: &Cluster, user: Option<&String>) -> Result<Vec<Found>, KubernetesError> {
    let mut selector = format!("{MANAGED_BY}={MANAGER}");
    if let Some(user) = user {
        selector += &format!(",{USER}={user}");
    }
    let parameters = ListParams::default().labels(&selector);
    let lists = Controller::ALL.map(|controller| {
        let (parameters, what) = (
            &parameters,
            serde_json::json!({"kind": controller.kind().kind}),
        );
        async move {
            let api = controller.api(&cluster.client, &cluster.namespace);
            let list = cluster
                .ask("list", &what, api.list_metadata(parameters))
                .await?;
            let found = list.items.into_iter().map(move |object| Found {
                user: object.labels().get(USER).cloned().unwrap_or_default(),
                workload: Workload {
                    controller,
                    name: object.name_any(),
                    uid: object.uid().unwrap_or_default(),
                },
            });
            Ok::<_, KubernetesError>(found.collect::<Vec<_>>())
        }
    });
    let mut found: Vec<Found> = try_join_all(lists).await?.into_iter().flatten().collect();
    found.sort_by(|one, other| one.workload.name.cmp(&other.workload.name));
    Ok(found)
}

async fn query(dirs: &Dirs, cluster: &Cluster, workload: &Workload) -> State {
    match timeout(ANSWER, connect(dirs, cluster, workload)).await {
        Ok(Ok(connected)) => State::Live(Box::new(connected.status)),
        Ok(Err(error)) => State::Unreachable(error.to_string()),
        Err(_) => State::Unreachable(format!("it did not answer within {} s", ANSWER.as_secs())),
    }
}

/// Connects through the service's tunnel if it runs, else with a separate port-forward.
async fn connect(
    dirs: &Dirs,
    cluster: &Cluster,
    workload: &Workload,
) -> Result<Connected, PlaceError> {
    let name = &workload.name;
    let directory = Directory::of(dirs, &cluster.key(), &cluster.namespace, name);
    if let Some(connected) = connected::at(name, &directory.socket(), ANSWER).await? {
        return Ok(connected);
    }
    let not_up = || PlaceError::NotUp {
        service: name.clone(),
    };
    let pod = launch::pod_of(cluster, workload)
        .await
        .map_err(KubernetesError::from)?;
    let pod = pod.ok_or_else(not_up)?;
    let token = token::read(cluster, name).await?.ok_or_else(not_up)?;
    let stream = forward(&cluster.client, &cluster.namespace, &pod.name, HOST_PORT).await;
    let stream = stream.map_err(KubernetesError::from)?;
    Connected::over(name, stream, token.as_bytes())
        .await?
        .ok_or_else(not_up)
}

/// Connects to the service of this name, if it exists in the cluster.
///
/// # Errors
/// If it does not answer.
pub async fn reach(
    dirs: &Dirs,
    selection: &Selection,
    name: &str,
) -> Result<Option<Connected>, PlaceError> {
    let cluster = &open(selection).await?;
    let found = find(cluster, None).await?;
    match found.into_iter().find(|found| found.workload.name == name) {
        Some(found) => connect(dirs, cluster, &found.workload).await.map(Some),
        None => Ok(None),
    }
}

/// The image of the service of this name.
///
/// # Errors
/// If the cluster cannot be queried.
pub async fn image(selection: &Selection, name: &str) -> Result<Option<String>, KubernetesError> {
    let cluster = &open(selection).await?;
    let found = find(cluster, None).await?;
    match found.into_iter().find(|found| found.workload.name == name) {
        Some(found) => Ok(launch::image_of(cluster, &found.workload).await?),
        None => Ok(None),
    }
}

/// Stops a service; running calls have `grace` to finish. Returns once all its objects are deleted,
/// or false if no service has this name.
///
/// # Errors
/// If the cluster refuses, or an object is not deleted in time.
pub async fn down(
    dirs: &Dirs,
    selection: &Selection,
    name: &str,
    grace: Duration,
) -> Result<bool, PlaceError> {
    let cluster = &open(selection).await?;
    let found = find(cluster, None).await?;
    let Some(Found { workload, .. }) = found.into_iter().find(|it| it.workload.name == name) else {
        return Ok(false);
    };
    // The host finishes its calls and then deletes its own workload. If that fails, `remove`
    // deletes it.
    if let Ok(Ok(connected)) = timeout(ANSWER, connect(dirs, cluster, &workload)).await {
        let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
        let asked = connected.ask::<_, ()>(path::DOWN, &Down { grace_ms }).await;
        drop(connected);
        if asked.is_ok() {
            let _ = timeout(grace + MARGIN, deleted(cluster, &workload)).await;
        }
    }
    remove(cluster, &workload).await?;
    Ok(true)
}

async fn deleted(cluster: &Cluster, workload: &Workload) {
    let api = workload.controller.api(&cluster.client, &cluster.namespace);
    while let Ok(Some(_)) = api.get_metadata_opt(&workload.name).await {
        sleep(POLL).await;
    }
}
