//! Requests to a worker, and their waiters. Answers arrive in the order of the requests.

use std::{
    collections::{HashMap, VecDeque},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::Worker;
use crate::wire::{
    Generation,
    calls::{CallPlaces, CallsInFlight},
    control::{Migrating, SwapRefused},
    limits,
    manifest::Manifest,
    state::{StateAnswer, StateOptions, StateRefused},
    worker::{FromWorker, Loaded, StateOrder, ToWorker},
};

/// A worker's own report of its state.
#[derive(Debug, Clone)]
pub struct Health {
    pub calls: u64,
    pub idle: Duration,
    pub migrating: Option<Migrating>,
    /// The running `#[kt::init]` function, by key.
    pub initializing: Option<String>,
}

type Answer = oneshot::Receiver<Result<Loaded, SwapRefused>>;
type StateReply = Result<StateAnswer, StateRefused>;

/// Pending requests.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    started: Option<oneshot::Sender<(u16, String)>>,
    loads: VecDeque<oneshot::Sender<Result<Loaded, SwapRefused>>>,
    states: VecDeque<oneshot::Sender<StateReply>>,
    status: Vec<oneshot::Sender<Health>>,
    calls: Vec<oneshot::Sender<CallsInFlight>>,
    /// By request number: the answers take different times.
    places: HashMap<u64, oneshot::Sender<CallPlaces>>,
    last_question: u64,
}

impl Waiting {
    pub(super) fn for_start(started: oneshot::Sender<(u16, String)>) -> Self {
        Self {
            started: Some(started),
            ..Self::default()
        }
    }
}

impl Worker {
    /// Requests loading a generation. Resolves with the answer, or fails when the worker exits.
    ///
    /// # Errors
    /// If the worker does not accept messages.
    pub fn load(
        &self,
        generation: Generation,
        manifest: Manifest,
        options: StateOptions,
        restore: Option<PathBuf>,
    ) -> io::Result<Answer> {
        let (sender, answer) = oneshot::channel();
        self.waiting().loads.push_back(sender);
        let manifest = Box::new(manifest);
        self.post(
            ToWorker::Load {
                generation,
                manifest,
                options,
                restore,
            },
            None,
        )?;
        Ok(answer)
    }

    /// Sends a request about states. Resolves with the answer, or fails when the worker exits.
    ///
    /// # Errors
    /// If the worker does not accept messages.
    pub fn state(&self, order: StateOrder) -> io::Result<oneshot::Receiver<StateReply>> {
        let (sender, answer) = oneshot::channel();
        self.waiting().states.push_back(sender);
        self.post(ToWorker::State(order), None)?;
        Ok(answer)
    }

    /// Its report; `None` if it does not answer within [`limits::STATUS`].
    pub async fn health(&self) -> Option<Health> {
        let (sender, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting();
            // At most one pending request: do not flood a worker that hangs.
            waiting.status.retain(|other| !other.is_closed());
            waiting.status.push(sender);
            waiting.status.len() == 1
        };
        if first {
            self.post(ToWorker::Status, None).ok()?;
        }
        timeout(limits::STATUS, answer).await.ok()?.ok()
    }

    /// The running calls; `None` if it does not answer within [`limits::STATUS`].
    pub async fn calls(&self) -> Option<CallsInFlight> {
        let (sender, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting();
            // At most one pending request, as for its health.
            waiting.calls.retain(|other| !other.is_closed());
            waiting.calls.push(sender);
            waiting.calls.len() == 1
        };
        if first {
            self.post(ToWorker::Calls, None).ok()?;
        }
        timeout(limits::STATUS, answer).await.ok()?.ok()
    }

    /// The places of calls; `None` if it does not answer within [`limits::STATUS`]. `trace`:
    /// includes where pending calls wait.
    pub async fn places(&self, trace: bool) -> Option<CallPlaces> {
        let (sender, answer) = oneshot::channel();
        let question = {
            let mut waiting = self.waiting();
            waiting.places.retain(|_, other| !other.is_closed());
            waiting.last_question += 1;
            let question = waiting.last_question;
            waiting.places.insert(question, sender);
            question
        };
        self.post(ToWorker::Places { question, trace }, None).ok()?;
        timeout(limits::STATUS, answer).await.ok()?.ok()
    }

    /// Lets the next `count` breakpoints pass without stopping.
    ///
    /// # Errors
    /// If the worker does not accept messages.
    pub fn ignore_breakpoints(&self, count: u64) -> io::Result<()> {
        self.post(ToWorker::IgnoreBreakpoints(count), None)
    }

    pub(super) fn post(&self, message: ToWorker, descriptor: Option<OwnedFd>) -> io::Result<()> {
        self.messages
            .try_send((message, descriptor))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "the worker no longer accepts messages",
                ),
                mpsc::error::TrySendError::Closed(_) => {
                    io::Error::new(io::ErrorKind::BrokenPipe, "the worker is exiting")
                }
            })
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, message: FromWorker) {
        if let FromWorker::Connected(answer) = message {
            return self.connected(answer);
        }
        let mut waiting = self.waiting();
        // Ignore requesters that stopped waiting.
        match message {
            FromWorker::Started {
                protocol,
                kt_version,
            } => {
                if let Some(started) = waiting.started.take() {
                    let _ = started.send((protocol, kt_version));
                }
            }
            FromWorker::Loaded(result) => {
                if let Some(load) = waiting.loads.pop_front() {
                    let _ = load.send(result);
                }
            }
            FromWorker::Connected(_) => {}
            FromWorker::Calls(calls) => {
                for asker in waiting.calls.drain(..) {
                    let _ = asker.send(calls.clone());
                }
            }
            FromWorker::Places { question, places } => {
                if let Some(asker) = waiting.places.remove(&question) {
                    let _ = asker.send(places);
                }
            }
            FromWorker::State(reply) => {
                if let Some(asker) = waiting.states.pop_front() {
                    let _ = asker.send(reply);
                }
            }
            FromWorker::Status {
                calls,
                idle_ms,
                migrating,
                initializing,
            } => {
                let idle = Duration::from_millis(idle_ms);
                for asker in waiting.status.drain(..) {
                    let _ = asker.send(Health {
                        calls,
                        idle,
                        migrating: migrating.clone(),
                        initializing: initializing.clone(),
                    });
                }
            }
        }
    }
}
