//! Where services live. *place* finds or starts a service and gives a control connection to it; it knows nothing of what is
//! loaded there. Places differ in how a service is reached, never in what is said to it.

pub mod dirs;
mod error;
pub mod kubernetes;
pub mod local;
pub mod service;

use std::time::Duration;

use kt::wire::control::{LogFrom, Status};

pub use dirs::{Dirs, Environment, Notice};
pub use error::PlaceError;
pub use local::{Connected, ServiceSpec, connect_or_start};

/// A service as `cargo kt ls` shows it.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    pub state: State,
}

/// What is known of a service.
#[derive(Debug, Clone)]
pub enum State {
    Live(Box<Status>),
    /// It is there and cannot be asked; why.
    Unreachable(String),
}

/// Everything that lives in the places known here, by name.
///
/// # Errors
/// If the place itself cannot be looked at; a single service that does not answer is part of the list.
pub async fn list(dirs: &Dirs) -> Result<Vec<Service>, PlaceError> {
    local::list(dirs).await
}

/// Ends a service; its calls may go on for `grace`. Returns once nothing of it runs any more.
///
/// # Errors
/// If there is none of this name, or it cannot be ended.
pub async fn down(dirs: &Dirs, name: &str, grace: Duration) -> Result<(), PlaceError> {
    local::down(dirs, name, grace).await
}

/// The log of a service, also of one that has ended.
///
/// # Errors
/// If there was none of this name.
pub async fn logs(
    dirs: &Dirs,
    name: &str,
    from: LogFrom,
    follow: bool,
) -> Result<local::Logs, PlaceError> {
    local::logs(dirs, name, from, follow).await
}
