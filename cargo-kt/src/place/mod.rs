//! Where services live. *place* finds or starts a service and gives a control connection to it; it knows nothing of what is
//! loaded there. Places differ in how a service is reached, never in what is said to it.

mod alive;
mod connected;
pub mod dirs;
mod error;
pub mod kubernetes;
pub mod local;
mod logs;
mod nearest;
mod opening;
mod pieces;
mod places;
pub mod service;

use kt::wire::control::Status;

pub use connected::{Connected, Hold};
pub use dirs::{Dirs, Environment, Notice};
pub use error::PlaceError;
pub use logs::Logs;
pub use nearest::nearest;
pub use opening::{Opening, Wanted};
pub use pieces::Pieces;
pub use places::Places;

/// A service as `cargo kt ls` shows it.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    pub place: PlaceName,
    /// Whose it is; empty for this user's own on this machine.
    pub user: String,
    pub state: State,
}

/// Where a service lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceName {
    Local,
    Kubernetes { context: String, namespace: String },
}

impl PlaceName {
    /// The options with which a command of `cargo kt` looks here too.
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

/// What is known of a service.
#[derive(Debug, Clone)]
pub enum State {
    Live(Box<Status>),
    /// It is there and cannot be asked; why.
    Unreachable(String),
}
