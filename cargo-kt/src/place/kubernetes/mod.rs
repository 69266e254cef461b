//! Services in pods of a Kubernetes cluster.

pub mod release;
pub mod stage;
