//! What is asked of a worker, and who waits for its answers: they come in the order of the requests.

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

/// How a worker is, by its own words.
#[derive(Debug, Clone)]
pub struct Health {
    pub calls: u64,
    pub idle: Duration,
    pub migrating: Option<Migrating>,
    /// The function with `#[kt::init]` that runs, by key.
    pub initializing: Option<String>,
}

type Answer = oneshot::Receiver<Result<Loaded, SwapRefused>>;
type StateReply = Result<StateAnswer, StateRefused>;

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    started: Option<oneshot::Sender<(u16, String)>>,
    loads: VecDeque<oneshot::Sender<Result<Loaded, SwapRefused>>>,
    states: VecDeque<oneshot::Sender<StateReply>>,
    status: Vec<oneshot::Sender<Health>>,
    calls: Vec<oneshot::Sender<CallsInFlight>>,
    /// By the number of the question: the answers take different times.
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
    /// Asks to load a generation. The answer comes for certain, or the worker's end does.
    ///
    /// # Errors
    /// If the worker does not take messages.
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

    /// Asks about states. The answer comes for certain, or the worker's end does.
    ///
    /// # Errors
    /// If the worker does not take messages.
    pub fn state(&self, order: StateOrder) -> io::Result<oneshot::Receiver<StateReply>> {
        let (sender, answer) = oneshot::channel();
        self.waiting().states.push_back(sender);
        self.post(ToWorker::State(order), None)?;
        Ok(answer)
    }

    /// How it is; `None` if it did not say within [`limits::STATUS`].
    pub async fn health(&self) -> Option<Health> {
        let (sender, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting();
            // One question at a time: a worker that hangs is not flooded.
            waiting.status.retain(|other| !other.is_closed());
            waiting.status.push(sender);
            waiting.status.len() == 1
        };
        if first {
            self.post(ToWorker::Status, None).ok()?;
        }
        timeout(limits::STATUS, answer).await.ok()?.ok()
    }

    /// The calls that run; `None` if it did not say within [`limits::STATUS`].
    pub async fn calls(&self) -> Option<CallsInFlight> {
        let (sender, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting();
            // As for its health: one question at a time.
            waiting.calls.retain(|other| !other.is_closed());
            waiting.calls.push(sender);
            waiting.calls.len() == 1
        };
        if first {
            self.post(ToWorker::Calls, None).ok()?;
        }
        timeout(limits::STATUS, answer).await.ok()?.ok()
    }

    /// Where the calls are; `None` if it did not say within [`limits::STATUS`]. `trace`: also where those wait that no thread runs.
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

    /// Lets so many breakpoints pass without a stop.
    ///
    /// # Errors
    /// If the worker does not take messages.
    pub fn ignore_breakpoints(&self, count: u64) -> io::Result<()> {
        self.post(ToWorker::IgnoreBreakpoints(count), None)
    }

    pub(super) fn post(&self, message: ToWorker, descriptor: Option<OwnedFd>) -> io::Result<()> {
        self.messages
            .try_send((message, descriptor))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "the worker does not take messages any more",
                ),
                mpsc::error::TrySendError::Closed(_) => {
                    io::Error::new(io::ErrorKind::BrokenPipe, "the worker is ending")
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
        // Who has stopped waiting does not want the answer.
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
