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
    /// What its worker prints.
    pub(super) printed: Arc<Printed>,
    /// Ends with the connection or with its runtime.
    carried: JoinHandle<()>,
}

/// How often a connection is made anew because the worker was replaced meanwhile.
const REPLACED: usize = 3;

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
        let response = head.await?;
        answer::read(driver, &self.printed, function, response).await
    }
}
