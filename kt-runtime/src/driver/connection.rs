//! One connection to the worker, and calls over it.

use std::{
    collections::HashMap,
    io,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tokio::{net::UnixStream, time};

use super::{Driver, answer};
use crate::{
    error::Error,
    function::Function,
    wire::{
        WorkerId,
        client::{self, Client},
        codec,
        data::{CALL, OUTPUT, header, key_value},
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
    pub(super) worker: WorkerId,
}

/// A connection that broke under a call.
#[derive(Debug)]
pub(super) enum Failure {
    /// The worker has not seen the call: it can be made again.
    NotSent(String),
    /// It may have.
    Lost(String),
}

impl Connection {
    /// Connects and takes the worker's output, all of it before any call.
    pub(super) async fn open(driver: &Driver) -> Result<Self, Error> {
        // The host may have to start a worker first.
        let patience = limits::HANDSHAKE + limits::WORKER_START + limits::LOAD;
        let opened = time::timeout(patience, Self::open_unbounded(driver)).await;
        opened.unwrap_or_else(|_| Err(driver.unavailable(format!("no answer within {patience:?}"))))
    }

    async fn open_unbounded(driver: &Driver) -> Result<Self, Error> {
        let stream = dial(driver, Purpose::Data).await?;
        let (client, connection) = Client::start(stream)
            .await
            .map_err(|error| driver.unavailable(error))?;
        // Ends with the connection; what it ended with, its requests tell.
        tokio::spawn(connection);
        let response = client
            .request(client::request(Method::GET, OUTPUT), Bytes::new())
            .await;
        let response = response.map_err(|error| driver.unavailable(error))?;
        let worker = driver
            .output
            .attach(response.into_body())
            .await
            .map_err(|error| driver.unavailable(error))?;
        driver.met(worker).await;
        Ok(Self { client, worker })
    }

    /// Makes one call. The outer result is the connection's, the inner one the call's.
    pub(super) async fn call(
        &self,
        driver: &Driver,
        function: &'static Function,
        args: Bytes,
        timeout: Option<Duration>,
    ) -> Result<Result<Bytes, Error>, Failure> {
        let request = driver.heads.of(driver, function, timeout);
        let (head, mut body) = match self.client.begin(request, args.is_empty()).await {
            Ok(begun) => begun,
            Err(error) => return Err(Failure::NotSent(error.to_string())),
        };
        if !args.is_empty() {
            // The worker may answer, with a refusal, before it has read all: then its answer counts.
            let _ = body.send(args, true).await;
        }
        let response = head.await.map_err(failure)?;
        answer::read(driver, function, response).await
    }
}

/// Connects and says what for.
pub(super) async fn dial(driver: &Driver, purpose: Purpose) -> Result<UnixStream, Error> {
    let Endpoint::Unix(path) = &driver.config.endpoint;
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => driver.unavailable(
                "it has ended (its TTL, or `cargo kt down`); run the program again to start it",
            ),
            _ => driver.unavailable(format!("{}: {error}", path.display())),
        })?;
    match preamble::call_on(&mut stream, purpose, &driver.config.token).await {
        Ok(Verdict::Welcome) => Ok(stream),
        Ok(Verdict::OtherVersion(version)) => {
            Err(driver.unavailable(format!("its host is kt {version}")))
        }
        Ok(Verdict::Forbidden) => Err(driver.unavailable("it refuses this program's credentials")),
        Ok(Verdict::NoWorker(why)) => Err(driver.unavailable(why)),
        Ok(Verdict::Stage(_)) => Err(driver.unavailable("its pod has no host yet")),
        Err(error) => {
            Err(driver.unavailable(format!("its host broke the connection off: {error}")))
        }
    }
}

/// The heads of calls, made once for each function: to find its shape can take longer than all the rest that
/// is done here for a call.
#[derive(Debug, Default)]
pub(super) struct Heads(RwLock<HashMap<&'static str, Request<()>>>);

impl Heads {
    fn of(
        &self,
        driver: &Driver,
        function: &'static Function,
        timeout: Option<Duration>,
    ) -> Request<()> {
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(function.key)
            .cloned();
        let mut request = known.unwrap_or_else(|| {
            // Not under the lock: the user's own `Deserialize` runs here.
            let request = head(driver, function);
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(function.key, request.clone());
            request
        });
        if let Some(timeout) = timeout {
            let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            request
                .headers_mut()
                .insert(&header::TIMEOUT, timeout.into());
        }
        request
    }
}

/// All of a call's head but its timeout.
fn head(driver: &Driver, function: &'static Function) -> Request<()> {
    let mut request = client::post(CALL);
    let headers = request.headers_mut();
    // Without a key the worker says that it has no such function, which is so.
    if let Some(key) = key_value(function.key) {
        headers.insert(&header::FUNCTION, key);
    }
    headers.insert(&header::CONTENT_TYPE, HeaderValue::from_static(codec::ID));
    headers.insert(&header::GENERATION, driver.config.generation.0.into());
    if let Some(shape) = (function.shape)() {
        headers.insert(&header::SHAPE, shape.into());
    }
    request
}

pub(super) fn failure(error: h2::Error) -> Failure {
    // RFC 9113, 8.7: a refused stream was not processed.
    if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
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
