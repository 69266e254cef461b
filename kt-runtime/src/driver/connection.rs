//! One connection to the worker, and calls over it.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request};
use tokio::{net::UnixStream, task::JoinHandle, time};

use super::{Driver, answer, output::Printed};
use crate::{
    error::Error,
    function::Function,
    quiet::Quiet,
    wire::{
        WorkerId,
        client::Client,
        codec::Codec,
        data::WORKER,
        driver::Endpoint,
        http::Body,
        limits,
        preamble::{self, Purpose, Verdict},
    },
};

/// An open connection to one worker.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    /// What its worker prints.
    pub(super) printed: Arc<Printed>,
    /// Ends with the connection or with its runtime.
    carried: JoinHandle<()>,
}

/// How often a connection is made anew because the worker was replaced meanwhile.
const REPLACED: usize = 3;

/// A connection that broke under a call.
#[derive(Debug)]
pub(super) enum Failure {
    /// The worker has not seen the call: it can be made again.
    NotSent(String),
    /// It may have.
    Lost(String),
}

impl Connection {
    /// Whether no call can be made over it any more.
    pub(super) fn has_ended(&self) -> bool {
        self.carried.is_finished()
    }

    /// Connects and takes the worker's output, all of it before any call.
    pub(super) async fn open(driver: &'static Driver) -> Result<Self, Error> {
        // The host may have to start a worker first.
        let patience = limits::HANDSHAKE + limits::WORKER_START + limits::LOAD;
        let opened = time::timeout(patience, Self::open_unbounded(driver)).await;
        opened.unwrap_or_else(|_| Err(driver.unavailable(format!("no answer within {patience:?}"))))
    }

    async fn open_unbounded(driver: &'static Driver) -> Result<Self, Error> {
        for _ in 0..REPLACED {
            let (client, carried) = start(driver).await?;
            let worker: WorkerId = client
                .ask(WORKER, &())
                .await
                .map_err(|error| driver.unavailable(error))?;
            if let Some(printed) = driver.output.of(driver, worker).await? {
                driver.met(worker).await;
                return Ok(Self {
                    client,
                    printed,
                    carried,
                });
            }
        }
        Err(driver.unavailable("its worker was replaced again and again"))
    }

    /// Makes one call. The outer result is the connection's, the inner one the call's.
    pub(super) async fn call(
        &self,
        driver: &Driver,
        function: &'static Function,
        head: Box<Request<()>>,
        args: Bytes,
    ) -> Result<Result<(Bytes, Codec), Error>, Failure> {
        let (head, mut body) = match self.client.begin(head, args.is_empty()).await {
            Ok(begun) => begun,
            Err(error) => return Err(Failure::NotSent(error.to_string())),
        };
        if !args.is_empty() {
            // The worker may answer, with a refusal, before it has read all: then its answer counts.
            let _ = body.send(args, true).await;
        }
        let response = head.await.map_err(failure)?;
        answer::read(driver, &self.printed, function, response).await
    }
}

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

fn failure(error: h2::Error) -> Failure {
    // RFC 9113, 8.7: a refused stream was not processed, nor was one that a GOAWAY leaves out. h2 gives the error of a GOAWAY
    // to those alone, as long as it names no fault.
    let left_out =
        error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    if left_out || error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        Failure::NotSent(error.to_string())
    } else {
        Failure::Lost(error.to_string())
    }
}

/// A number in a header.
pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A whole body within the driver's limit.
pub(super) async fn collect(
    driver: &Driver,
    body: Body,
) -> Result<Bytes, crate::wire::http::BodyError> {
    body.collect(driver.config.body_limit).await
}
