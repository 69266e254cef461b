//! One connection to the worker, and calls over it.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use tokio::{task::JoinHandle, time};

use super::{Driver, answer, dial, failure::Failure, printed::Printed};
use crate::{
    codec::Codec,
    error::Error,
    function::Function,
    wire::{WorkerId, client::Client, data::WORKER, limits},
};

/// An open connection to one worker.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    /// The output of its worker.
    pub(super) printed: Arc<Printed>,
    /// Finishes with the connection or with its runtime.
    carried: JoinHandle<()>,
}

/// How often to reconnect because the worker was replaced meanwhile.
const ATTEMPTS: usize = 3;

impl Connection {
    /// Whether it takes no more calls.
    pub(super) fn is_closed(&self) -> bool {
        self.carried.is_finished()
    }

    /// Connects, and attaches to the worker's output before any call.
    pub(super) async fn open(driver: &'static Driver) -> Result<Self, Error> {
        // The host may have to start a worker first.
        let limit = limits::HANDSHAKE + limits::WORKER_START + limits::LOAD;
        let opened = time::timeout(limit, Self::open_unbounded(driver)).await;
        opened.unwrap_or_else(|_| Err(driver.unavailable(format!("no answer within {limit:?}"))))
    }

    async fn open_unbounded(driver: &'static Driver) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let (client, carried) = dial::start(driver).await?;
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
        Err(driver.unavailable("its worker was replaced repeatedly"))
    }

    /// Makes one call. The outer error is the connection's, the inner one the call's.
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
            // The worker may refuse the call before it has read everything. Then its answer counts.
            let _ = body.send(args, true).await;
        }
        let response = head.await?;
        answer::read(driver, &self.printed, function, response).await
    }
}
