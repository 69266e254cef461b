use std::{io, time::Duration};

use super::{
    access::AccessError, forward::ForwardError, launch::LaunchError, objects::ObjectsError,
    stage::StageError,
};

/// Why a service in a cluster cannot be made, reached or ended.
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
        "there is a {kind} `{name}` in namespace `{namespace}` that is not ours: it is left alone\n\
         help: give the service another name with `--name`"
    )]
    NotOurs {
        kind: String,
        name: String,
        namespace: String,
    },
    #[error(
        "service `{service}` is up with other options, and another pod has no state\nhelp: end it with `cargo kt down {service}` and run \
         again; `cargo kt state save` keeps states that have serde"
    )]
    OtherOptions { service: String },
    #[error(
        "service `{service}` was made by somebody else at this very moment\nhelp: run again; give yours another name with `--name` if it is not the same"
    )]
    JustMade { service: String },
    #[error("a service is not made of a {kind}")]
    UnknownKind { kind: String },
    #[error("the token of service `{service}` cannot be used: {why}")]
    Token { service: String, why: String },
    #[error("no connection to service `{service}`: {why}")]
    Tunnel { service: String, why: String },
    #[error("the pod of {service} cannot take the host: {why}")]
    Unfit { service: String, why: String },
    #[error("failed to write to {path}: {source}")]
    Write { path: String, source: io::Error },
    #[error("a {what} of service `{name}` was still there after {} s\nhelp: `kubectl describe` it to see what holds it", after.as_secs())]
    Remains {
        what: &'static str,
        name: String,
        after: Duration,
    },
}

impl KubernetesError {
    /// Whether the same may work in a moment: the pod is just starting, or the connection broke.
    pub fn may_pass(&self) -> bool {
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
