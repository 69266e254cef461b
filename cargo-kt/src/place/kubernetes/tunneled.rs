//! The services that a running tunnel reaches, found without a request to the API server.

use std::path::PathBuf;

use futures_util::future::join_all;
use kt::wire::limits;

use super::{
    access::identify,
    tunnel::{Directory, Record},
};
use crate::place::{
    Connected, Dirs, PlaceError, PlaceName, Service, State, cluster::Selection, connected,
};

/// Log files in a tunnel's folder, the older one first.
pub const TUNNEL_LOGS: [&str; 2] = ["tunnel.log.old", super::tunnel::LOG];

/// The folder of each tunnel, with `NAMESPACE/SERVICE`.
pub fn tunnel_folders(dirs: &Dirs) -> Vec<(String, PathBuf)> {
    let tunnels = Directory::list(dirs).into_iter();
    tunnels
        .map(|(directory, record)| {
            let name = format!("{}/{}", record.namespace, record.service);
            (name, directory.path().to_owned())
        })
        .collect()
}

/// All services with a running tunnel.
pub async fn list_tunneled(dirs: &Dirs) -> Vec<Service> {
    let tunnels = Directory::list(dirs).into_iter();
    let live = join_all(tunnels.map(|(directory, record)| service(directory, record)));
    live.await.into_iter().flatten().collect()
}

/// Connects through the only running tunnel to a service of this name, in the selected cluster if
/// there is one.
///
/// # Errors
/// If a tunnel does not answer, or several clusters have such a service.
pub async fn reach_tunneled(
    dirs: &Dirs,
    selection: Option<&Selection>,
    name: &str,
) -> Result<Option<Connected>, PlaceError> {
    let mut live: Vec<Connected> = Vec::new();
    for (directory, record) in tunnels(dirs, selection, name) {
        let socket = directory.socket();
        let connected = connected::at(&record.service, &socket, limits::HANDSHAKE).await?;
        live.extend(connected.map(|connected| record.place(connected)));
    }
    match live.len() {
        0 | 1 => Ok(live.pop()),
        _ => Err(PlaceError::WhichPlace {
            service: name.to_owned(),
            places: live.iter().map(|it| it.place.to_string()).collect(),
        }),
    }
}

/// The tunnels to services of this name, running or not.
fn tunnels(dirs: &Dirs, selection: Option<&Selection>, name: &str) -> Vec<(Directory, Record)> {
    let selected = selection.map(identify);
    let matches = |record: &Record| match &selected {
        None => true,
        Some(Ok(it)) => it.context == record.context && it.namespace == record.namespace,
        // The caller that opens the cluster reports this error.
        Some(Err(_)) => false,
    };
    let mut tunnels = Directory::list(dirs);
    tunnels.retain(|(_, record)| record.service == name && matches(record));
    tunnels
}

async fn service(directory: Directory, record: Record) -> Option<Service> {
    let connected = connected::at(&record.service, &directory.socket(), limits::HANDSHAKE).await;
    let state = match connected {
        Ok(Some(connected)) => State::Live(Box::new(connected.status)),
        Ok(None) => return None,
        Err(error) => State::Unreachable(error.to_string()),
    };
    Some(Service {
        name: record.service,
        place: PlaceName::Kubernetes {
            context: record.context,
            namespace: record.namespace,
        },
        user: String::new(),
        state,
    })
}
