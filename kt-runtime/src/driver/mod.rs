//! The calling side: the user's program on the developer's machine, started by `cargo kt`. It
//! connects to the service and is the [`Transport`] of the program's calls. It must not know about
//! builds, nor about objects beyond their paths.

mod agent;
mod answer;
mod connection;
mod death;
mod dial;
mod failure;
mod heads;
mod output;
mod panic;
mod printed;

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::HeaderValue;
use tokio::{runtime, sync::OnceCell};

use agent::FirstAnswer;
use connection::Connection;
use failure::Failure;
use heads::Heads;
use output::{Output, Printer};

use crate::{
    call::{self, Transport},
    codec::{self, Codec, Encoded},
    error::Error,
    function::Function,
    quiet, run,
    shape::Signature,
    wire::{
        PROTOCOL, VERSION, WorkerId,
        data::header,
        driver::{DriverConfig, ENV},
    },
};

/// How often a call that the worker did not see is sent, each time on a new connection.
const ATTEMPTS: usize = 3;

/// This process's service.
#[derive(Debug)]
pub(crate) struct Driver {
    config: DriverConfig,
    /// One connection per runtime that makes calls: a connection makes progress only while its own
    /// runtime runs.
    connections: Mutex<HashMap<runtime::Id, Arc<OnceCell<Connection>>>>,
    heads: Heads,
    output: Output,
    printer: Printer,
    first: FirstAnswer,
    /// A worker knows that this program has a `tracing` subscriber.
    traced: AtomicBool,
    /// The worker that answered last.
    worker: Mutex<WorkerId>,
}

impl Driver {
    pub(crate) fn new(config: DriverConfig) -> Self {
        let worker = Mutex::new(config.worker);
        Self {
            config,
            connections: Mutex::default(),
            heads: Heads::default(),
            output: Output::default(),
            printer: Printer::new(),
            first: FirstAnswer::default(),
            traced: AtomicBool::new(false),
            worker,
        }
    }

    /// The objects of the program, dependencies first.
    pub(crate) fn objects(&self) -> &[PathBuf] {
        &self.config.objects
    }

    /// The command that opens a shell next to the worker.
    pub(crate) fn shell(&self) -> &[OsString] {
        &self.config.shell
    }

    /// Makes a call and returns the encoded result.
    pub(crate) async fn call(
        &'static self,
        function: &'static Function,
        args: Bytes,
        codec: Codec,
    ) -> Result<(Bytes, Codec), Error> {
        // Reported once, by the first call after the subscriber was set.
        let traced = !self.traced.load(Ordering::Relaxed)
            && quiet::has_subscriber()
            && !self.traced.swap(true, Ordering::Relaxed);
        let mut attempt = 1;
        loop {
            let (slot, connection) = self.connection().await?;
            let failure = match connection.get() {
                Some(connection) if !connection.printed.is_open() => {
                    Err(Failure::NotSent("the worker's output was closed".into()))
                }
                Some(connection) => {
                    let mut head = self.heads.of(self, function, codec);
                    if traced {
                        let value = HeaderValue::from_static("1");
                        head.headers_mut().insert(&header::TRACED, value);
                    }
                    connection.call(self, function, head, args.clone()).await
                }
                None => Err(Failure::NotSent("it was closed".into())),
            };
            let (sent, reason) = match failure {
                Ok(result) => {
                    if result.is_ok() {
                        self.answered().await;
                    }
                    return result;
                }
                Err(Failure::NotSent(reason)) => (false, reason),
                Err(Failure::Lost(reason)) => (true, reason),
            };
            self.forget(slot, &connection);
            if let (true, Some(connection)) = (sent, connection.get()) {
                return Err(Box::pin(self.lost(function, &connection.printed, reason)).await);
            }
            if attempt == ATTEMPTS {
                return Err(Error::ConnectionLost {
                    function: function.path().into(),
                    sent,
                    reason,
                });
            }
            attempt += 1;
        }
    }

    /// This runtime's connection, opened if there is none.
    async fn connection(&'static self) -> Result<(runtime::Id, Arc<OnceCell<Connection>>), Error> {
        let id = runtime::Handle::current().id();
        let connection = {
            let mut connections = self
                .connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !connections.contains_key(&id) {
                // Connections of runtimes that were dropped.
                connections.retain(|_, other| !other.get().is_some_and(Connection::is_closed));
            }
            connections.entry(id).or_default().clone()
        };
        connection
            .get_or_try_init(|| Box::pin(Connection::open(self)))
            .await?;
        Ok((id, connection))
    }

    fn forget(&self, id: runtime::Id, broken: &Arc<OnceCell<Connection>>) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if connections
            .get(&id)
            .is_some_and(|current| Arc::ptr_eq(current, broken))
        {
            connections.remove(&id);
        }
    }

    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn unavailable(&self, reason: impl ToString) -> Error {
        Error::Unavailable {
            service: self.config.service.clone(),
            reason: reason.to_string(),
        }
    }
}

impl Transport for Driver {
    fn body_limit(&self) -> usize {
        self.config.body_limit
    }

    fn types(&self, function: &'static Function) -> Arc<Signature> {
        self.heads.types(self, function)
    }

    fn send(&'static self, function: &'static Function, args: Encoded) -> call::Answer {
        Box::pin(self.call(function, args.bytes.into(), args.codec))
    }
}

static CURRENT: OnceLock<Driver> = OnceLock::new();

/// The driver of this process; `None` unless [`start`] found one.
pub(crate) fn current() -> Option<&'static Driver> {
    CURRENT.get()
}

/// Sends the calls of this process to the service that `cargo kt` started it for. `None` if
/// `cargo kt` did not start this process.
pub(crate) fn start() -> Option<&'static Driver> {
    let config = config()?;
    run::set_current(config.run.clone());
    let driver = CURRENT.get_or_init(|| Driver::new(config));
    call::register(driver);
    Some(driver)
}

/// The configuration that `cargo kt` wrote for this process. A program that the driver starts
/// inherits the variable, but has another parent.
fn config() -> Option<DriverConfig> {
    let path = env::var_os(ENV)?;
    let config: Result<DriverConfig, String> = fs::read(&path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| codec::decode(&bytes).map_err(|error| error.to_string()));
    match config {
        Ok(config) if config.parent != parent_id() => None,
        Ok(config) if config.protocol == PROTOCOL => Some(config),
        // Another version of cargo kt built the program. Running in place instead would look like
        // success.
        Ok(config) => panic!(
            "cargo kt uses protocol {} and this program's kt-runtime {VERSION} uses {PROTOCOL}: use the \
             same version of both",
            config.protocol
        ),
        // Its `cargo kt` has exited and cleaned up: the variable is a leftover.
        Err(_) if !Path::new(&path).exists() => None,
        Err(error) => panic!(
            "failed to read the driver configuration in {}: {error}",
            path.display()
        ),
    }
}
