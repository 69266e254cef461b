//! How a worker stopped, and what it printed last.

use std::{sync::PoisonError, time::Duration};

use bytes::Bytes;
use tokio::time;

use super::{Driver, dial::dial, printed::Printed};
use crate::{
    codec,
    error::{Death, Error},
    function::Function,
    quiet::Quiet,
    wire::{
        WorkerId,
        client::{self, Client},
        control::{self, Exit, LogFrom, LogRequest, path},
        limits,
        preamble::Purpose,
    },
};

/// Asks the host how a worker stopped whose output has ended, and prints the rest of its output
/// from the log. `None`: the host does not know that it stopped. Once per worker: its calls wait
/// for this.
pub(super) async fn inquire(driver: &Driver, printed: &Printed) -> Option<control::Death> {
    let asked = async {
        let client = control(driver).await.ok()?;
        let death = ask(&client, printed.worker.instance).await?;
        Some((client, death))
    };
    let (client, death) = time::timeout(limits::HANDSHAKE, asked).await.ok()??;
    // A replaced worker flushed its output itself, and its successor writes what follows in the
    // log.
    if death.how != Exit::Replaced {
        print_rest(&client, printed).await;
    }
    Some(death)
}

async fn control(driver: &Driver) -> Result<Client, Error> {
    let stream = dial(driver, Purpose::Control).await?;
    let (client, connection) = Client::start(stream)
        .await
        .map_err(|error| driver.unavailable(error))?;
    // Closed with its client.
    tokio::spawn(Quiet::new(connection));
    Ok(client)
}

async fn ask(client: &Client, instance: u64) -> Option<control::Death> {
    client.ask(path::DEATH, &instance).await.ok()?
}

/// Prints what is in the log and was not printed yet. Stops at the end of the log, or when the host
/// sends nothing.
async fn print_rest(client: &Client, printed: &Printed) {
    let request = LogRequest {
        from: LogFrom::Position(printed.logged()),
        follow: false,
    };
    let Ok(request) = codec::encode(&request, limits::CONTROL) else {
        return;
    };
    let asked = client.request(client::post(path::LOGS), Bytes::from(request));
    let Ok(Ok(response)) = time::timeout(limits::HANDSHAKE, asked).await else {
        return;
    };
    let mut body = response.into_body();
    while let Ok(Some(Ok(bytes))) = time::timeout(limits::HANDSHAKE, body.chunk()).await {
        printed.print_logged(&bytes);
    }
}

impl From<control::Death> for Death {
    fn from(death: control::Death) -> Self {
        let (code, signal) = match death.how {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal { number, .. } => (None, Some(number)),
            Exit::Replaced | Exit::Stopped => (None, None),
        };
        Self {
            code,
            signal,
            generation: death.generation,
            max_rss: death.max_rss,
            out_of_memory: death.out_of_memory,
            replaced: death.how == Exit::Replaced,
            uptime: Duration::from_millis(death.uptime_ms),
        }
    }
}

impl Driver {
    /// The error of a call whose connection broke under it.
    pub(super) async fn lost(
        &self,
        function: &'static Function,
        printed: &Printed,
        reason: String,
    ) -> Error {
        let function = function.path().to_owned();
        match printed.death().await {
            Some(death) => Error::WorkerDied {
                function,
                death: (*death).into(),
            },
            None => Error::ConnectionLost {
                function,
                sent: true,
                reason,
            },
        }
    }

    /// Reports it if another worker answers than before.
    pub(super) async fn met(&self, worker: WorkerId) {
        let former = {
            let mut known = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, worker)
        };
        if former.instance == worker.instance {
            return;
        }
        let asked = async { ask(&control(self).await.ok()?, former.instance).await };
        let death = time::timeout(limits::HANDSHAKE, asked).await;
        let service = &self.config.service;
        match death.ok().flatten().map(Death::from) {
            Some(death) if death.replaced => eprintln!(
                "kt: another `cargo kt` replaced the worker of {service}; states with serde were carried over to the new one"
            ),
            Some(death) => eprintln!(
                "kt: {service} has a new worker; the state of the old worker was lost ({death})"
            ),
            None => eprintln!(
                "kt: {service} has a new worker; how the old worker stopped is unknown, and its state may be lost"
            ),
        }
    }
}
