//! Finds or starts a service and opens a control connection to it, on this machine or in a cluster.
//!
//! Places differ in how a service is reached, never in the requests that it receives. This module
//! does not know what code a service has loaded.

pub mod cluster;
mod connected;
pub mod dirs;
mod error;
mod foreign_host;
mod keep_alive;
#[cfg_attr(not(feature = "kubernetes"), path = "kubernetes_absent.rs")]
pub mod kubernetes;
// The tests of the other build run with the ordinary ones.
#[cfg(all(test, feature = "kubernetes"))]
pub mod kubernetes_absent;
mod launch_step;
pub mod local;
mod logs;
mod nearest;
mod pending_service;
mod pieces;
mod places;
pub mod service;

use kt::wire::control::Status;

pub use connected::{Connected, Hold};
pub use dirs::{Dirs, Environment, Notice};
pub use error::PlaceError;
pub use foreign_host::ForeignHost;
pub use launch_step::LaunchStep;
pub use logs::Logs;
pub use nearest::nearest;
pub use pending_service::{PendingService, ServiceSpec};
pub use pieces::Pieces;
pub use places::{HostLog, Places};

/// A service in the output of `cargo kt ls`.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    pub place: PlaceName,
    /// The owner; empty for the current user's services on this machine.
    pub user: String,
    pub state: State,
}

/// Where a service runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceName {
    Local,
    Kubernetes { context: String, namespace: String },
}

impl PlaceName {
    /// The options that make a `cargo kt` command search this place.
    pub fn options(&self) -> Vec<String> {
        match self {
            Self::Local => Vec::new(),
            Self::Kubernetes { context, namespace } => {
                [["--context", context], ["--namespace", namespace]]
                    .concat()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            }
        }
    }
}

impl std::fmt::Display for PlaceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Kubernetes { context, namespace } => write!(f, "{context}/{namespace}"),
        }
    }
}

/// The status of a service, if it could be queried.
#[derive(Debug, Clone)]
pub enum State {
    Live(Box<Status>),
    /// It exists, but could not be queried for this reason.
    Unreachable(String),
}
