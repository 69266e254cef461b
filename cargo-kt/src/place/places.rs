//! The places that a command searches for existing services: this machine, clusters with a running
//! tunnel, and the cluster selected on the command line.

use std::{path::PathBuf, time::Duration};

use futures_util::future::join_all;
use kt::wire::{control::LogFrom, limits};

use super::{
    Connected, Dirs, Logs, Pieces, PlaceError, PlaceName, Service, State, connected, kubernetes,
    kubernetes::{
        Cluster, KubernetesError, Selection,
        tunnel::{Directory, Record},
    },
    local, logs, pieces,
};

/// Where the log of a service's host is.
#[derive(Debug)]
pub enum HostLog {
    /// In a directory on this machine; with a connection to the service if it runs and a caller
    /// follows the log.
    Here(PathBuf, Option<Connected>),
    InPod(Connected),
}

/// The places that a command searches.
#[derive(Debug, Clone)]
pub struct Places {
    dirs: Dirs,
    /// The selected cluster. Clusters with a running tunnel are searched in any case.
    cluster: Option<Selection>,
}

impl Places {
    pub fn new(dirs: Dirs, cluster: Option<Selection>) -> Self {
        Self { dirs, cluster }
    }

    /// All services, sorted by name. `all_users` includes other users' services in the cluster.
    ///
    /// # Errors
    /// If a place cannot be searched. A service that does not answer is part of the list.
    pub async fn list(&self, all_users: bool) -> Result<Vec<Service>, PlaceError> {
        let mut services = local::list(&self.dirs).await?;
        let tunnels = Directory::list(&self.dirs);
        let live = join_all(
            tunnels
                .into_iter()
                .map(|(directory, record)| through(directory, record)),
        );
        services.extend(live.await.into_iter().flatten());
        if let Some(selection) = &self.cluster {
            let cluster = open(selection).await?;
            let in_cluster = kubernetes::list(&self.dirs, &cluster, all_users).await?;
            for service in in_cluster {
                let known = |it: &Service| it.name == service.name && it.place == service.place;
                if !services.iter().any(known) {
                    services.push(service);
                }
            }
        }
        services.sort_by(|one, other| (&one.name, &one.place).cmp(&(&other.name, &other.place)));
        Ok(services)
    }

    /// Opens a control connection to the service of this name.
    ///
    /// # Errors
    /// If it does not exist, cannot be reached, or its host has another version.
    pub async fn connect(&self, name: &str) -> Result<Connected, PlaceError> {
        let connected = match self.find(name).await? {
            Some(connected) => connected,
            None => return local::connect(&self.dirs, name).await,
        };
        connected.check_version()?;
        Ok(connected)
    }

    /// The service of this name in a cluster. A service of the same name on this machine takes
    /// precedence, unless a cluster was selected.
    async fn find(&self, name: &str) -> Result<Option<Connected>, PlaceError> {
        if self.is_here(name) {
            return Ok(None);
        }
        if let Some(connected) = self.live_tunnel(name).await? {
            return Ok(Some(connected));
        }
        match &self.cluster {
            Some(selection) => {
                let cluster = open(selection).await?;
                kubernetes::reach(&self.dirs, &cluster, name).await
            }
            None => Ok(None),
        }
    }

    /// Stops the service of this name; running calls have `grace` to finish. Returns once
    /// everything of it is removed.
    ///
    /// # Errors
    /// If it does not exist or cannot be stopped.
    pub async fn down(&self, name: &str, grace: Duration) -> Result<(), PlaceError> {
        if !self.is_here(name) {
            let through = self.live_tunnel(name).await?;
            let found = through.map(|connected| selection(&connected.place));
            for selection in found.flatten().into_iter().chain(self.cluster.clone()) {
                let cluster = open(&selection).await?;
                if kubernetes::down(&self.dirs, &cluster, name, grace).await? {
                    return Ok(());
                }
            }
        }
        local::down(&self.dirs, name, grace).await
    }

    /// Stops a listed service, as [`down`](Self::down) does.
    ///
    /// # Errors
    /// If it cannot be stopped.
    pub async fn end(&self, service: &Service, grace: Duration) -> Result<(), PlaceError> {
        let name = &service.name;
        match selection(&service.place) {
            None => local::down(&self.dirs, name, grace).await,
            Some(selection) => {
                let cluster = open(&selection).await?;
                // It may have stopped in the meantime.
                kubernetes::down(&self.dirs, &cluster, name, grace)
                    .await
                    .map(drop)
            }
        }
    }

    /// The container image of a service; `None` for one on this machine.
    ///
    /// # Errors
    /// If the cluster cannot be queried.
    pub async fn image(&self, connected: &Connected) -> Result<Option<String>, PlaceError> {
        match selection(&connected.place) {
            None => Ok(None),
            Some(selection) => {
                let cluster = open(&selection).await?;
                Ok(kubernetes::image(&cluster, &connected.service).await?)
            }
        }
    }

    fn is_here(&self, name: &str) -> bool {
        self.cluster.is_none() && local::is_there(&self.dirs, name)
    }

    /// The log of the service of this name; on this machine also of a stopped one.
    ///
    /// # Errors
    /// If it never existed.
    pub async fn logs(&self, name: &str, from: LogFrom, follow: bool) -> Result<Logs, PlaceError> {
        match self.find(name).await? {
            Some(connected) => logs::of(connected, from, follow).await,
            None => local::logs(&self.dirs, name, from, follow).await,
        }
    }

    /// As [`logs`](Self::logs), with the possible origin of each piece.
    ///
    /// # Errors
    /// As [`logs`](Self::logs).
    pub async fn log_pieces(
        &self,
        name: &str,
        from: LogFrom,
        follow: bool,
    ) -> Result<Pieces, PlaceError> {
        match self.find(name).await? {
            Some(connected) => pieces::of(connected, from, follow).await,
            None => local::log_pieces(&self.dirs, name, from, follow).await,
        }
    }

    /// The log of the host of this service; on this machine also of a stopped one.
    ///
    /// # Errors
    /// If it never existed.
    pub async fn host_log(&self, name: &str, follow: bool) -> Result<HostLog, PlaceError> {
        match self.find(name).await? {
            Some(connected) => Ok(HostLog::InPod(connected)),
            None => {
                let (folder, connected) = local::host_log(&self.dirs, name, follow).await?;
                Ok(HostLog::Here(folder, connected))
            }
        }
    }

    /// The tunnels to services of this name, in the selected cluster if there is one.
    fn tunnels(&self, name: &str) -> Vec<(Directory, Record)> {
        let selected = self.cluster.as_ref().map(Selection::identify);
        let matches = |record: &Record| match &selected {
            None => true,
            Some(Ok(it)) => it.context == record.context && it.namespace == record.namespace,
            // The caller that opens the cluster reports this error.
            Some(Err(_)) => false,
        };
        let mut tunnels = Directory::list(&self.dirs);
        tunnels.retain(|(_, record)| record.service == name && matches(record));
        tunnels
    }

    /// The only running tunnel to a service of this name.
    async fn live_tunnel(&self, name: &str) -> Result<Option<Connected>, PlaceError> {
        let mut live: Vec<Connected> = Vec::new();
        for (directory, record) in self.tunnels(name) {
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
}

async fn through(directory: Directory, record: Record) -> Option<Service> {
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

/// The cluster of a place; `None` for this machine.
fn selection(place: &PlaceName) -> Option<Selection> {
    match place {
        PlaceName::Local => None,
        PlaceName::Kubernetes { context, namespace } => Some(Selection {
            context: Some(context.clone()),
            namespace: Some(namespace.clone()),
        }),
    }
}

async fn open(selection: &Selection) -> Result<Cluster, KubernetesError> {
    Ok(Cluster::open(selection).await?)
}
