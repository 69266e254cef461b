//! A worker that is gone: how it ended, and what it printed last.

use std::sync::PoisonError;

use bytes::Bytes;
use tokio::time;

use super::{Driver, connection::dial, output::print};
use crate::{
    error::{Death, Error},
    function::Function,
    quiet::Quiet,
    wire::{
        WorkerId,
        client::{self, Client},
        codec,
        control::{self, LogFrom, LogRequest, path},
        data::Stream,
        limits,
        preamble::Purpose,
    },
};

impl Driver {
    /// The error of a call whose connection broke under it.
    pub(super) async fn lost(
        &self,
        function: &'static Function,
        instance: u64,
        reason: String,
    ) -> Error {
        let function = function.path().to_owned();
        let asked = time::timeout(limits::HANDSHAKE, self.inquire(instance)).await;
        match asked {
            Ok(Ok(Some(death))) => Error::WorkerDied {
                function,
                death: death.into(),
            },
            _ => Error::ConnectionLost {
                function,
                sent: true,
                reason,
            },
        }
    }

    /// Asks the host how a worker ended, and prints what the worker left.
    async fn inquire(&self, instance: u64) -> Result<Option<control::Death>, Error> {
        let stream = dial(self, Purpose::Control).await?;
        let (client, connection) = Client::start(stream)
            .await
            .map_err(|error| self.unavailable(error))?;
        let connection = tokio::spawn(Quiet::new(connection));
        let death = client
            .ask(path::DEATH, &instance)
            .await
            .map_err(|error| self.unavailable(error))?;
        self.last_words(&client).await;
        connection.abort();
        Ok(death)
    }

    /// Prints what lies in the log and has not been printed here.
    async fn last_words(&self, client: &Client) {
        let request = LogRequest {
            from: LogFrom::Position(self.output.position()),
            follow: false,
        };
        let Ok(request) = codec::encode(&request, limits::CONTROL) else {
            return;
        };
        let Ok(response) = client
            .request(client::post(path::LOGS), Bytes::from(request))
            .await
        else {
            return;
        };
        let mut body = response.into_body();
        while let Some(Ok(bytes)) = body.chunk().await {
            // Which stream it was, the log does not tell; a dying process's last words are for stderr.
            print(Stream::Stderr, &bytes);
            self.output
                .reached(self.output.position() + bytes.len() as u64);
        }
    }

    /// Notices that another worker answers than the one before, and says what that means.
    pub(super) async fn met(&self, worker: WorkerId) {
        let former = {
            let mut known = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, worker)
        };
        if former.instance == worker.instance {
            return;
        }
        let death = time::timeout(limits::HANDSHAKE, self.inquire(former.instance)).await;
        let how = match death {
            Ok(Ok(Some(death))) => format!(" ({})", Death::from(death)),
            _ => String::new(),
        };
        let service = &self.config.service;
        eprintln!("kt: the worker of {service} is a new one, the state of the former is gone{how}");
    }
}
