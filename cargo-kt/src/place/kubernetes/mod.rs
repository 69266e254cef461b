//! Services in a Kubernetes cluster: a pod each, reached with the user's own kubeconfig and rights, with nothing installed
//! there.
//!
//! *access* finds the cluster, *objects* writes down what a service is made of, *apply* creates it, *launch* watches its pod
//! come up, *stage* brings the host into it, and *tunnel* holds the connection to it from then on.

pub mod access;
mod apply;
mod error;
mod existing;
mod forward;
mod kinds;
pub mod launch;
pub mod objects;
mod open;
pub mod release;
mod remove;
mod services;
mod spec;
pub mod stage;
mod token;
pub mod tunnel;

pub use access::{Cluster, Selection};
pub use error::KubernetesError;
pub use kinds::Controller;
pub use open::{Step, find, open};
pub use services::{down, image, list, reach};
pub use spec::{ServiceSpec, shown};

/// Port on the pod's loopback on which its first stage and then its host listen.
pub const HOST_PORT: u16 = 9461;
/// Port on which the kubelet asks whether the pod serves.
pub const READY_PORT: u16 = 9462;

/// Where the pod keeps what outlives a restart of its container.
pub const DATA: &str = "/kt/data";
/// The file with the service's token in its pod.
pub const TOKEN: &str = "/kt/secret/token";

/// A workload in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Workload {
    pub controller: Controller,
    pub name: String,
    pub uid: String,
}
