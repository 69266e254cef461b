//! Services in a Kubernetes cluster, one pod each. They need nothing installed in the cluster and
//! are reached with the user's own kubeconfig and rights.
//!
//! *access* finds the cluster, *objects* renders a service's objects, *apply* creates them,
//! *registry* asks about the image, *launch* watches the pod start, *stage* uploads the host into it, and *tunnel* holds the
//! connection.

pub mod access;
mod apply;
mod error;
mod existing;
mod forward;
mod kinds;
pub mod launch;
pub mod objects;
mod open;
pub mod registry;
mod release;
mod remove;
mod services;
mod spec;
pub mod stage;
mod token;
pub mod tunnel;
mod tunneled;

pub use access::{Cluster, identify};
pub use error::KubernetesError;
pub use kinds::Controller;
pub use open::{find, open};
pub use release::Release;
pub use services::{down, image, list, reach};
pub use spec::{ServiceSpec, shown};
pub use tunnel::multi_call;
pub use tunneled::{TUNNEL_LOGS, list_tunneled, reach_tunneled, tunnel_folders};

/// Loopback port in the pod on which the first stage, and then the host, listen.
pub const HOST_PORT: u16 = 9461;
/// Port of the kubelet's readiness probe.
pub const READY_PORT: u16 = 9462;

/// The pod's directory for files that survive a restart of its container.
pub const DATA: &str = "/kt/data";
/// The host's directory in a pod.
pub const HOST_DIRECTORY: &str = "/kt/data/service";
/// The file in the pod with the service's token.
pub const TOKEN: &str = "/kt/secret/token";

/// A workload in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Workload {
    pub controller: Controller,
    pub name: String,
    pub uid: String,
}
