//! Everything that a command can fail with, and its exit status.

mod copy;
mod exec;
mod forward;
mod ssh_server;
mod state;

use std::io;

pub use copy::CopyError;
pub(super) use copy::{shown, why};
pub use exec::ExecError;
pub use forward::ForwardError;
pub use ssh_server::SshServerError;
pub use state::StateError;
pub(super) use state::{Operation, Refused};

use crate::{
    compile::BuildError, config::ConfigError, context::ContextError, debug::DebugError,
    place::PlaceError, plan::PlanError, session::SessionError, ship::ShipError,
    stacks::SampleError,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    #[error(transparent)]
    Session(Box<SessionError>),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to send files to {service}")]
    Ship { service: String, source: ShipError },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Forward(#[from] ForwardError),
    #[error(transparent)]
    SshServer(#[from] SshServerError),
    #[error(transparent)]
    Debug(#[from] DebugError),
    #[error(transparent)]
    Sample(#[from] SampleError),
    #[error(
        "a dry run needs a service in a cluster\nhelp: use `--dry-run` with `--place kubernetes`"
    )]
    LocalDryRun,
    #[error("failed to start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("failed to {what}")]
    Io { what: String, source: io::Error },
}

impl CommandError {
    /// Whether cargo or rustc has printed the reason already.
    pub fn is_reported(&self) -> bool {
        matches!(self, Self::Session(error) if error.is_reported())
    }

    /// 101 as cargo has it, or the exit status of cargo itself.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Session(error) => error.exit_code(),
            _ => 101,
        }
    }
}

impl From<SessionError> for CommandError {
    fn from(error: SessionError) -> Self {
        Self::Session(Box::new(error))
    }
}

impl From<BuildError> for CommandError {
    fn from(error: BuildError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<ContextError> for CommandError {
    fn from(error: ContextError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        BuildError::from(error).into()
    }
}
