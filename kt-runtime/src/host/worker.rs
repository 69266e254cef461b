//! One worker as the host sees it: questions go to it, answers come back in their order, and its end is known at once.

use std::{
    collections::VecDeque,
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use super::{
    journal::Journal,
    process::{self, Process, Start},
    store::View,
};
use crate::{
    sys::{fd, process::Ended},
    wire::{
        Generation, PROTOCOL, VERSION, WorkerId, channel,
        control::{Death, Exit},
        limits,
        manifest::Manifest,
        worker::{FromWorker, Loaded, ToWorker, WorkerConfig},
    },
};

/// Messages that wait for a worker which does not read. A connection is one.
const QUEUE: usize = 1024;
/// How long a killed process may take to be gone: longer only in uninterruptible sleep.
const KILLED: Duration = Duration::from_secs(5);

/// A running worker, or one whose end is known.
#[derive(Debug)]
pub struct Worker {
    pub id: WorkerId,
    pub view: View,
    started: Instant,
    process: Process,
    channel: Arc<UnixStream>,
    messages: mpsc::Sender<Outgoing>,
    waiting: Mutex<Waiting>,
    /// The generation it serves, or the first that it is to serve.
    serving: AtomicU64,
    /// Its end is the host's doing.
    stopped: AtomicBool,
    end: watch::Sender<Option<End>>,
}

/// How a worker ended and the last it printed.
#[derive(Debug, Clone)]
pub struct End {
    pub death: Death,
    pub last_words: String,
}

/// How a worker is, by its own words.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    pub calls: u64,
    pub idle: Duration,
}

type Outgoing = (ToWorker, Option<OwnedFd>);
type Answer = oneshot::Receiver<Result<Loaded, String>>;

#[derive(Debug, Default)]
struct Waiting {
    started: Option<oneshot::Sender<(u16, String)>>,
    loads: VecDeque<oneshot::Sender<Result<Loaded, String>>>,
    status: Vec<oneshot::Sender<Health>>,
}

/// Everything that a new worker needs.
#[derive(Debug)]
pub struct Plan<'a> {
    pub config: WorkerConfig,
    /// The service's directory.
    pub service: &'a std::path::Path,
    pub working_directory: &'a std::path::Path,
    pub view: View,
    pub first: Generation,
    pub manifest: &'a Manifest,
}

impl Worker {
    /// Starts a worker and waits until it says that it is there.
    ///
    /// # Errors
    /// If it cannot be executed, ends, is silent for too long, or speaks another protocol; in words.
    pub async fn start(plan: Plan<'_>, journal: &Arc<Journal>) -> Result<Arc<Self>, String> {
        let launcher = plan.view.path().join(&plan.manifest.worker.launcher.name);
        let start = Start {
            launcher: &launcher,
            service: plan.service,
            working_directory: plan.working_directory,
        };
        let (process, stream, ended) =
            Process::start(&start).map_err(|error| process::explain(&launcher, &error))?;
        let (messages, outgoing) = mpsc::channel(QUEUE);
        let (started, hello) = oneshot::channel();
        let logs = plan.config.logs.clone();
        let stream = Arc::new(stream);
        let worker = Arc::new(Self {
            id: WorkerId {
                pid: process.pid,
                instance: plan.config.instance,
            },
            view: plan.view,
            started: Instant::now(),
            process,
            channel: Arc::clone(&stream),
            messages,
            waiting: Mutex::new(Waiting {
                started: Some(started),
                ..Waiting::default()
            }),
            serving: AtomicU64::new(plan.first.0),
            stopped: AtomicBool::new(false),
            end: watch::Sender::new(None),
        });
        tokio::spawn(send(
            Arc::clone(&stream),
            outgoing,
            Arc::clone(&worker),
            Arc::clone(journal),
        ));
        tokio::spawn(receive(stream, Arc::clone(&worker), Arc::clone(journal)));
        tokio::spawn(watch_end(ended, logs, Arc::clone(&worker)));

        let greeted = worker.greet(plan.config, hello, plan.manifest).await;
        if greeted.is_err() {
            worker.stop(Duration::ZERO).await;
        }
        greeted.map(|()| worker)
    }

    async fn greet(
        &self,
        config: WorkerConfig,
        hello: oneshot::Receiver<(u16, String)>,
        manifest: &Manifest,
    ) -> Result<(), String> {
        self.post(ToWorker::Start(config), None)
            .map_err(|error| error.to_string())?;
        match timeout(limits::WORKER_START, hello).await {
            Err(_) => Err(format!(
                "the worker was silent for {} s after its start",
                limits::WORKER_START.as_secs()
            )),
            Ok(Err(_)) => match self.ended().await {
                Some(end) => Err(end.to_string()),
                None => Err("the worker closed its channel".to_owned()),
            },
            Ok(Ok((protocol, version))) if protocol != PROTOCOL => Err(format!(
                "the program was built with kt-runtime {version}, which speaks protocol {protocol}; this is cargo-kt {VERSION} with protocol {PROTOCOL}: use the same version of both"
            )),
            Ok(Ok((_, version))) if version != manifest.kt_version => Err(format!(
                "the worker holds kt-runtime {version} where the manifest says {}",
                manifest.kt_version
            )),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Asks to load a generation. The answer comes for certain, or the worker's end does.
    ///
    /// # Errors
    /// If the worker does not take messages.
    pub fn load(&self, generation: Generation, manifest: Manifest) -> io::Result<Answer> {
        let (sender, answer) = oneshot::channel();
        self.waiting().loads.push_back(sender);
        let manifest = Box::new(manifest);
        self.post(
            ToWorker::Load {
                generation,
                manifest,
            },
            None,
        )?;
        Ok(answer)
    }

    /// Notes which generation it serves, for the report of its end.
    pub fn serves(&self, generation: Generation) {
        self.serving.store(generation.0, Ordering::Relaxed);
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

    /// Hands a driver's connection over.
    ///
    /// # Errors
    /// If the worker does not take messages.
    pub fn connect(&self, connection: OwnedFd) -> io::Result<()> {
        self.post(ToWorker::Connection, Some(connection))
    }

    /// Ends the worker: its calls may go on for `grace`, then it is killed. Returns once it is gone.
    pub async fn stop(&self, grace: Duration) {
        self.stopped.store(true, Ordering::Relaxed);
        if !grace.is_zero() {
            let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
            let asked = self.post(ToWorker::Drain { grace_ms }, None);
            let mut end = self.end.subscribe();
            // The worker keeps the grace itself; what is left to it above that is for its way out.
            let longest = grace + Duration::from_secs(1);
            if asked.is_ok()
                && timeout(longest, end.wait_for(Option::is_some))
                    .await
                    .is_ok()
            {
                return;
            }
        }
        self.process.kill();
        self.ended().await;
    }

    /// Kills it at once; its end comes later.
    pub fn kill(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.process.kill();
    }

    /// How it ended, waited for while it is ending. `None` if it lives on.
    pub async fn ended(&self) -> Option<End> {
        let mut end = self.end.subscribe();
        let ended = timeout(KILLED, end.wait_for(Option::is_some)).await;
        ended.ok()?.ok()?.clone()
    }

    /// Resolves when it ends.
    pub async fn end(&self) -> Option<End> {
        let mut end = self.end.subscribe();
        end.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// False from the moment at which it can answer nobody any more. The kernel closes a dying process's descriptors from
    /// the lowest on: the channel's end shows before a driver can have seen the end of its own connection, and before the
    /// process is a zombie that tells how it died.
    pub fn is_alive(&self) -> bool {
        self.end.borrow().is_none() && !fd::hung_up(self.channel.as_fd())
    }

    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn resident(&self) -> u64 {
        self.process.resident().unwrap_or(0)
    }

    fn post(&self, message: ToWorker, descriptor: Option<OwnedFd>) -> io::Result<()> {
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

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, message: FromWorker) {
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
            FromWorker::Status { calls, idle_ms } => {
                let idle = Duration::from_millis(idle_ms);
                for asker in waiting.status.drain(..) {
                    let _ = asker.send(Health { calls, idle });
                }
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.death.how {
            Exit::Code(code) => write!(f, "the worker exited with code {code}")?,
            Exit::Signal { number, core: true } => {
                write!(f, "the worker was ended by signal {number} and dumped core")?;
            }
            Exit::Signal { number, .. } => write!(f, "the worker was ended by signal {number}")?,
            Exit::Stopped => f.write_str("the worker was stopped")?,
        }
        if self.last_words.is_empty() {
            return Ok(());
        }
        write!(f, ", having printed:\n{}", self.last_words)
    }
}

async fn send(
    stream: Arc<UnixStream>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    worker: Arc<Worker>,
    journal: Arc<Journal>,
) {
    let (mut sender, _) = channel::split(&stream);
    let mut end = worker.end.subscribe();
    loop {
        let ended = end.wait_for(Option::is_some);
        let Some(Some((message, descriptor))) = first(outgoing.recv(), ended).await else {
            return;
        };
        let descriptor = descriptor.as_ref().map(OwnedFd::as_fd);
        let sending = sender.send(&message, descriptor);
        match first(sending, end.wait_for(Option::is_some)).await {
            Some(Ok(())) => {}
            None => return,
            Some(Err(error)) => {
                // It cannot be told anything any more. Mostly it has just died; if not, it is of no use.
                journal.say(format_args!(
                    "failed to send to worker {}: {error}",
                    worker.id.pid
                ));
                worker.process.kill();
                return;
            }
        }
    }
}

async fn receive(stream: Arc<UnixStream>, worker: Arc<Worker>, journal: Arc<Journal>) {
    let (_, mut receiver) = channel::split(&stream);
    loop {
        match receiver.receive::<FromWorker>().await {
            Ok(Some(message)) => worker.answer(message),
            Ok(None) => return,
            Err(error) => {
                journal.say(format_args!(
                    "what worker {} says makes no sense: {error}",
                    worker.id.pid
                ));
                worker.process.kill();
                return;
            }
        }
    }
}

async fn watch_end(
    ended: oneshot::Receiver<io::Result<Ended>>,
    logs: PathBuf,
    worker: Arc<Worker>,
) {
    let ended = ended.await;
    let last_words = worker.process.drain(&logs);
    let (how, max_rss) = match ended {
        Ok(Ok(ended)) if worker.stopped.load(Ordering::Relaxed) => (Exit::Stopped, ended.max_rss),
        Ok(Ok(ended)) => (exit(&ended), ended.max_rss),
        // Nobody else reaps our children; were it so, all we know is that it is gone.
        _ => (Exit::Code(-1), 0),
    };
    let death = Death {
        worker: worker.id,
        how,
        generation: Generation(worker.serving.load(Ordering::Relaxed)),
        max_rss,
        uptime_ms: millis(worker.uptime()),
    };
    let last_words = last_words.unwrap_or_else(|error| format!("(its output is lost: {error})"));
    worker.end.send_replace(Some(End { death, last_words }));
    // Those who wait for an answer learn that none comes.
    *worker.waiting() = Waiting::default();
}

fn exit(ended: &Ended) -> Exit {
    match (ended.status.code(), ended.status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, number) => Exit::Signal {
            number: number.unwrap_or(0),
            core: ended.status.core_dumped(),
        },
    }
}

/// Milliseconds, as durations travel.
pub fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The first future's value, unless the second is ready before it.
async fn first<T, U>(work: impl Future<Output = T>, stop: impl Future<Output = U>) -> Option<T> {
    let (mut work, mut stop) = (std::pin::pin!(work), std::pin::pin!(stop));
    std::future::poll_fn(|context| {
        if let std::task::Poll::Ready(value) = work.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(value));
        }
        stop.as_mut().poll(context).map(|_| None)
    })
    .await
}
