//! Connects to the service.

use std::io;

use tokio::{net::UnixStream, task::JoinHandle};

use super::Driver;
use crate::{
    error::Error,
    quiet::Quiet,
    wire::{
        client::Client,
        driver::Endpoint,
        limits,
        preamble::{self, Purpose, Verdict},
    },
};

/// A data connection, which ends with the last of its clients; what it ended with, its requests tell. Also the task that
/// carries it.
pub(super) async fn start(driver: &Driver) -> Result<(Client, JoinHandle<()>), Error> {
    let stream = dial(driver, Purpose::Data).await?;
    let (client, connection) = Client::start(stream)
        .await
        .map_err(|error| driver.unavailable(error))?;
    let carried = tokio::spawn(Quiet::new(async move {
        let _ = connection.await;
    }));
    Ok((client, carried))
}

/// Connects and says what for.
pub(super) async fn dial(driver: &Driver, purpose: Purpose) -> Result<UnixStream, Error> {
    let Endpoint::Unix(path) = &driver.config.endpoint;
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => driver.unavailable(
                "it has ended (by its inactivity TTL, by `cargo kt down`, or because its host died); run the program again to \
                 start it",
            ),
            // An end in order removes the socket.
            io::ErrorKind::ConnectionRefused => driver.unavailable(
                "its host died, and worker and state with it; run the program again to start it",
            ),
            _ => driver.unavailable(format!("{}: {error}", path.display())),
        })?;
    let token = &driver.config.token;
    match preamble::call_on(&mut stream, purpose, token, limits::HEARD).await {
        Ok(Verdict::Welcome) => Ok(stream),
        Ok(Verdict::OtherVersion(version)) => {
            Err(driver.unavailable(format!("its host is kt {version}")))
        }
        Ok(Verdict::Forbidden) => Err(driver.unavailable("it refuses this program's credentials")),
        Ok(Verdict::NoWorker(why)) => Err(driver.unavailable(why)),
        Ok(Verdict::Stage(_)) => Err(driver.unavailable("its pod has no host yet")),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(driver.unavailable(format!(
            "its host does not answer, {error}: it is stopped or hangs; `cargo kt down {}` ends it",
            driver.config.service
        ))),
        Err(error) => {
            Err(driver.unavailable(format!("its host broke the connection off: {error}")))
        }
    }
}
