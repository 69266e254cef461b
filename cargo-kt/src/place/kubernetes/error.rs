use std::{io, time::Duration};

use super::{
    access::AccessError, forward::ForwardError, launch::LaunchError, objects::ObjectsError,
    stage::StageError,
};

/// Why a service in a cluster cannot be created, reached or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Forward(#[from] ForwardError),
    #[error(
        "{kind} `{name}` already exists in namespace `{namespace}` and was not created by cargo-kt\n\
         help: choose another service name with `--name`"
    )]
    ForeignObject {
        kind: String,
        name: String,
        namespace: String,
    },
    #[error(
        "service `{service}` is running with other options, and a new pod would lose its state\n\
         help: stop it with `cargo kt down {service}` and re-run; `cargo kt state save` saves states that have serde"
    )]
    OtherOptions { service: String },
    #[error(
        "service `{service}` was created by another process at the same time\n\
         help: re-run to connect to it, or choose another name with `--name`"
    )]
    CreatedConcurrently { service: String },
    #[error("unexpected kind of object: {kind}")]
    UnknownKind { kind: String },
    #[error("invalid token of service `{service}`: {why}")]
    Token { service: String, why: String },
    #[error("failed to connect to service `{service}`: {why}")]
    Tunnel { service: String, why: String },
    #[error("the pod of {service} cannot run the host: {why}")]
    UnsuitablePod { service: String, why: String },
    #[error("failed to write to {path}: {source}")]
    Write { path: String, source: io::Error },
    #[error("a {what} of service `{name}` was not deleted within {} s\nhelp: run `kubectl describe` on it to see what blocks the deletion", after.as_secs())]
    DeletionTimedOut {
        what: &'static str,
        name: String,
        after: Duration,
    },
}

impl KubernetesError {
    /// Whether a retry may succeed: the pod is starting, or the connection broke.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Forward(ForwardError::Forbidden) => false,
            Self::Forward(_) => true,
            Self::Stage(StageError::Connection { .. } | StageError::Silent { .. }) => true,
            _ => false,
        }
    }
}

impl From<KubernetesError> for crate::place::PlaceError {
    fn from(error: KubernetesError) -> Self {
        Self::Cluster(Box::new(error))
    }
}
