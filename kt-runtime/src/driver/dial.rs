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

/// Opens a data connection, and returns it with the task that carries it. The connection closes
/// with the last of its clients. Its requests report its errors.
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

/// Connects for a purpose.
pub(super) async fn dial(driver: &Driver, purpose: Purpose) -> Result<UnixStream, Error> {
    let Endpoint::Unix(path) = &driver.config.endpoint;
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => driver.unavailable(
                "it is not running (its inactivity TTL expired, `cargo kt down` stopped it, or its host \
                 died); run the program again to start it",
            ),
            // A host that stops in order removes its socket.
            io::ErrorKind::ConnectionRefused => driver.unavailable(
                "its host died, and its worker and state were lost; run the program again to start it",
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
            "its host does not answer ({error}): it is suspended or hangs; run `cargo kt down {}` to stop it",
            driver.config.service
        ))),
        Err(error) => {
            Err(driver.unavailable(format!("its host closed the connection: {error}")))
        }
    }
}
