//! The places that a command searches for existing services: this machine, clusters with a running
//! tunnel, and the cluster selected on the command line.

use std::{path::PathBuf, time::Duration};

use kt::wire::control::LogFrom;

use super::{
    Connected, Dirs, Logs, Pieces, PlaceError, PlaceName, Service,
    cluster::Selection,
    kubernetes,
    local::{self, HostProcess},
    logs, pieces,
};

/// Where the log of a service's host is.
#[derive(Debug)]
pub enum HostLog {
    /// In a directory on this machine. The process writes it, if the service runs.
    Here(PathBuf, Option<HostProcess>),
    InPod(Box<Connected>),
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
        services.extend(kubernetes::list_tunneled(&self.dirs).await);
        if let Some(selection) = &self.cluster {
            let in_cluster = kubernetes::list(&self.dirs, selection, all_users).await?;
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
        if let Some(connected) = self.tunneled(name).await? {
            return Ok(Some(connected));
        }
        match &self.cluster {
            Some(selection) => kubernetes::reach(&self.dirs, selection, name).await,
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
            let through = self.tunneled(name).await?;
            let found = through.map(|connected| selection(&connected.place));
            for selection in found.flatten().into_iter().chain(self.cluster.clone()) {
                if kubernetes::down(&self.dirs, &selection, name, grace).await? {
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
                // It may have stopped in the meantime.
                kubernetes::down(&self.dirs, &selection, name, grace)
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
            Some(selection) => Ok(kubernetes::image(&selection, &connected.service).await?),
        }
    }

    /// The service of this name that a running tunnel reaches, in the selected cluster if there is
    /// one.
    async fn tunneled(&self, name: &str) -> Result<Option<Connected>, PlaceError> {
        kubernetes::reach_tunneled(&self.dirs, self.cluster.as_ref(), name).await
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
    pub async fn host_log(&self, name: &str) -> Result<HostLog, PlaceError> {
        match self.find(name).await? {
            Some(connected) => Ok(HostLog::InPod(Box::new(connected))),
            None => {
                let (folder, process) = local::host_log(&self.dirs, name)?;
                Ok(HostLog::Here(folder, process))
            }
        }
    }
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
