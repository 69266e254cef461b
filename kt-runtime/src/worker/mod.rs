//! The worker: the process that has the user's code loaded and holds all its state. An edit never
//! restarts it.
//!
//! The host starts it, sends it manifests to load over a socket pair, and passes it the connections
//! of drivers. It does not know where objects come from, or who may connect.

mod backlog;
mod breakpoint;
mod calls;
mod dispatch;
mod flush;
mod gate;
mod generation;
mod inits;
mod names;
mod nested;
mod origin;
mod outbox;
mod output;
mod places;
mod scoped;
mod serve;
mod states;
#[cfg(test)]
mod tests;
mod user_code;
mod watch;

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    process::{self, ExitCode},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::UnixStream,
    runtime::{Builder, Runtime},
    sync::mpsc::UnboundedSender,
    time,
};

use self::{
    breakpoint::Breakpoints,
    calls::Calls,
    gate::Gate,
    generation::{Generations, Loaded},
    inits::Inits,
    nested::FormerTypes,
    output::Output,
    states::{Progress, Registry},
    user_code::UserCode,
};
use crate::{
    fault,
    quiet::Quiet,
    runtime,
    sys::{fd, stdio, trap},
    wire::{
        PROTOCOL, VERSION, WorkerId,
        channel::{self, Receiver, Sender},
        control::{Migrating, SwapRefused},
        state::{StateAnswer, StateRefused},
        worker::{self, FD, FromWorker, Hold, StateOrder, ToWorker, WorkerConfig},
    },
};

/// Limit of synchronous functions that run at once. Each has a thread; most of them wait.
const PLAIN_CALLS: usize = 16 << 10;
/// Minimum number of threads for async functions, so that a few that compute do not block all
/// others.
const ASYNC_THREADS: usize = 4;
/// Minimum number of connection threads that may make the first poll of an async function …
const SHARED_THREADS: usize = 2;
/// … and this many more never run user code: they sometimes wait for the lock on standard output,
/// which user code may hold for long.
const OWN_THREADS: usize = 2;

/// All state of the worker process.
pub(crate) struct Worker {
    id: WorkerId,
    config: WorkerConfig,
    /// The generation that new calls enter. Each call keeps its own alive while it runs.
    current: RwLock<Option<Arc<Loaded>>>,
    gate: Arc<Gate>,
    generations: Generations,
    registry: Mutex<Registry>,
    /// Shared with the registry, to be read while that is locked.
    progress: Arc<Progress>,
    inits: Inits,
    former_types: FormerTypes,
    output: Output,
    calls: Arc<Calls>,
    user: Arc<UserCode>,
    activity: Activity,
    breakpoints: Breakpoints,
    draining: AtomicBool,
    connections: serve::Connections,
    /// Set once all calls have ended: no connection accepts another call.
    leaving: tokio::sync::watch::Sender<bool>,
    /// The note about the missing `tracing` subscriber was printed.
    hinted: AtomicBool,
}

/// Call activity, for the host's lease.
struct Activity {
    started: Instant,
    calls: AtomicU64,
    /// Milliseconds from `started` to the end of the latest call.
    last: AtomicU64,
}

/// Counts a call until its answer is sent.
struct InFlight(Arc<Worker>);

impl Activity {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            calls: AtomicU64::new(0),
            last: AtomicU64::new(0),
        }
    }

    fn enter(&self) {
        self.calls.fetch_add(1, Ordering::AcqRel);
    }

    fn leave(&self) {
        self.last.store(self.elapsed(), Ordering::Release);
        self.calls.fetch_sub(1, Ordering::AcqRel);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn status(&self, migrating: Option<Migrating>, initializing: Option<&str>) -> FromWorker {
        let calls = self.calls.load(Ordering::Acquire);
        let idle = if calls > 0 {
            0
        } else {
            self.elapsed()
                .saturating_sub(self.last.load(Ordering::Acquire))
        };
        FromWorker::Status {
            calls,
            idle_ms: idle,
            migrating,
            initializing: initializing.map(str::to_owned),
        }
    }
}

impl InFlight {
    fn of(worker: &Arc<Worker>) -> Self {
        worker.activity.enter();
        Self(worker.clone())
    }

    /// Whether no other call is in flight.
    fn alone(&self) -> bool {
        self.0.activity.calls.load(Ordering::Acquire) == 1
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.activity.leave();
    }
}

#[cfg(all(feature = "host", any(test, fuzzing)))]
pub(crate) use states::fuzz_saved;
#[cfg(all(test, feature = "host"))]
pub(crate) use states::fuzz_seeds;

pub(crate) use breakpoint::Location;
pub(crate) use nested::{Newest, current};
pub(crate) use origin::Origin;

/// The launcher's `main` in a process that the host started.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kt: the worker failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // SAFETY: the host passes these three descriptors, and nothing else in this process owns them.
    let [channel, stdout, stderr] = [FD, worker::STDOUT, worker::STDERR]
        .map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
    for descriptor in [&channel, &stdout, &stderr] {
        stdio::set_close_on_exec(std::os::fd::AsFd::as_fd(descriptor))?;
    }
    fd::raise_limit();
    stdio::buffer_lines();
    fault::install_hook();
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    trap::install()?;
    runtime::start_pool(PLAIN_CALLS)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shared = cores.max(SHARED_THREADS);
    let runtime = threads("kt-io", shared + OWN_THREADS)?;
    let users = threads("kt-async", cores.max(ASYNC_THREADS))?;
    let user = UserCode::new(users.handle(), runtime.handle(), shared)?;
    let done = runtime.block_on(Quiet::new(async {
        let channel = std::os::unix::net::UnixStream::from(channel);
        channel.set_nonblocking(true)?;
        let channel = UnixStream::from_std(channel)?;
        let (sender, mut receiver) = channel::split(&channel);
        let Some(ToWorker::Start(config)) = receiver.receive().await? else {
            return Err(io::Error::other("the host's first message was not `Start`"));
        };
        let calls = Calls::new(config.instance);
        let output = Output::start(&config.logs, stdout, stderr, Arc::clone(&calls))?;
        let registry = Registry::default();
        let worker = Arc::new(Worker {
            id: WorkerId {
                pid: process::id(),
                instance: config.instance,
            },
            config,
            current: RwLock::default(),
            gate: Arc::default(),
            generations: Generations::default(),
            progress: registry.progress.clone(),
            registry: Mutex::new(registry),
            inits: Inits::default(),
            former_types: FormerTypes::default(),
            output,
            calls,
            user,
            activity: Activity::new(),
            breakpoints: Breakpoints::default(),
            draining: AtomicBool::new(false),
            connections: serve::Connections::default(),
            leaving: tokio::sync::watch::Sender::new(false),
            hinted: AtomicBool::new(false),
        });
        WORKER.get_or_init(|| worker.clone());
        worker.run_command_loop(sender, receiver).await
    }));
    // Threads of calls that outlasted the drain must not block the exit.
    runtime.shutdown_background();
    users.shutdown_background();
    done
}

/// A runtime with this many threads, all of which may run user code.
fn threads(name: &str, threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .thread_stack_size(runtime::stack_size())
        .enable_all()
        .build()
}

/// The reason for refusing a driver. The calls of other drivers continue.
fn no_connection(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => format!(
            "the worker has run out of file descriptors ({error}); files that its functions hold open count\n\
                         help: run `cargo kt down` to stop it, and raise `ulimit -n` before starting it again"
        ),
        _ => format!("the worker cannot accept another connection: {error}"),
    }
}

/// Never dropped: dropping states would run user destructors while user threads still work.
static WORKER: OnceLock<Arc<Worker>> = OnceLock::new();

impl Worker {
    /// Executes the host's commands until the host closes the channel.
    async fn run_command_loop(
        self: &Arc<Self>,
        mut sender: Sender<'_>,
        mut receiver: Receiver<'_>,
    ) -> io::Result<()> {
        sender
            .send(
                &FromWorker::Started {
                    protocol: PROTOCOL,
                    kt_version: VERSION.into(),
                },
                None,
            )
            .await?;
        let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
        loop {
            let message = tokio::select! {
                // `receive` keeps partial messages in its buffer, so canceling it loses nothing.
                message = receiver.receive() => message?,
                Some(answer) = answered.recv() => {
                    sender.send(&answer, None).await?;
                    continue;
                }
            };
            match message {
                Some(ToWorker::Load {
                    generation,
                    manifest,
                    options,
                    restore,
                }) => {
                    let load = move |worker: &Self| {
                        worker.load(generation, &manifest, &options, restore.as_deref())
                    };
                    self.load_detached(load, answers.clone());
                }
                Some(ToWorker::State(order)) => self.answer_detached(order, answers.clone()),
                Some(ToWorker::Status) => {
                    let (migrating, init) = (self.progress.now(), self.inits.running());
                    sender
                        .send(&self.activity.status(migrating, init), None)
                        .await?
                }
                Some(ToWorker::Calls) => {
                    let calls = FromWorker::Calls(self.calls.in_flight());
                    sender.send(&calls, None).await?
                }
                Some(ToWorker::Places { question, trace }) => {
                    let (calls, places) = self.calls.in_flight_with_places();
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        let places = places::collect(calls, &places, trace).await;
                        let _ = answers.send(FromWorker::Places { question, places });
                    });
                }
                Some(ToWorker::Connection) => {
                    self.connect(receiver.descriptor(), &mut sender).await?;
                }
                Some(ToWorker::Drain { grace_ms }) => {
                    return self.drain(Duration::from_millis(grace_ms)).await;
                }
                Some(ToWorker::IgnoreBreakpoints(count)) => self.breakpoints.ignore(count),
                Some(ToWorker::Start(_)) => return Err(io::Error::other("a second `Start`")),
                // The host exited. No other process can reach this worker any more.
                None => return Ok(()),
            }
        }
    }

    /// Loads a generation on a thread that may block.
    fn load_detached(
        self: &Arc<Self>,
        load: impl FnOnce(&Self) -> Result<worker::Loaded, SwapRefused> + Send + 'static,
        answers: UnboundedSender<FromWorker>,
    ) {
        let worker = self.clone();
        // Runs initializers of the user's libraries, which may take long.
        tokio::task::spawn_blocking(move || {
            let _entered = worker.user.runtime().enter();
            // Calls that this user code makes must not wait at the gate, which the load may have
            // closed.
            let load = || Origin::Driver.scope(|| load(&worker));
            let loaded = fault::catch(load).unwrap_or_else(|panic| {
                let reason = format!("loading panicked: {}", panic.message);
                Err(SwapRefused::Load(reason))
            });
            // Sending fails only if the host exited; then this process exits too.
            let _ = answers.send(FromWorker::Loaded(loaded));
        });
    }

    /// Executes a request about states on a thread that may block.
    fn answer_detached(self: &Arc<Self>, order: StateOrder, answers: UnboundedSender<FromWorker>) {
        let worker = self.clone();
        tokio::task::spawn_blocking(move || {
            let _entered = worker.user.runtime().enter();
            let answer = || Origin::Driver.scope(|| worker.answer(order));
            let answer = fault::catch(answer).unwrap_or_else(|panic| {
                Err(StateRefused::Lost {
                    reason: format!("a panic: {}", panic.message),
                })
            });
            let _ = answers.send(FromWorker::State(answer));
        });
    }

    /// Accepts a driver's connection, whose descriptor arrived with the host's message.
    async fn connect(
        self: &Arc<Self>,
        descriptor: Option<OwnedFd>,
        sender: &mut Sender<'_>,
    ) -> io::Result<()> {
        let taken = match descriptor {
            Some(descriptor) => serve::taken(descriptor),
            // The kernel drops a descriptor for which the process has no free number.
            None => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        };
        // Notify the host before the driver: the driver's first call may crash this process.
        let (stream, answer) = match taken {
            Ok(stream) => (Some(stream), Ok(())),
            Err(error) => (None, Err(no_connection(&error))),
        };
        sender.send(&FromWorker::Connected(answer), None).await?;
        if let Some(stream) = stream {
            self.clone().serve(stream);
        }
        Ok(())
    }

    /// Executes a request about states.
    fn answer(&self, order: StateOrder) -> Result<StateAnswer, StateRefused> {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match order {
            StateOrder::Asked(request) => registry.answer(request, self.user.runtime()),
            StateOrder::Save { file, hold, leave } => {
                // If there is nothing to save, do not wait for calls.
                let hold = hold.filter(|_| registry.has_codec());
                let held = hold.map(|hold| self.hold(hold)).transpose()?;
                let saved = registry.save(&file, &leave);
                // Closed until `Release`, or for good if the worker that loads the file takes over.
                held.filter(|_| saved.is_ok())
                    .into_iter()
                    .for_each(gate::Closed::keep);
                saved
            }
            StateOrder::Load { file } => registry.load(&file),
            StateOrder::Release => {
                self.gate.open();
                Ok(StateAnswer::Done(Vec::new()))
            }
        };
        answer.map_err(|refused| match refused {
            // Most likely one of these calls holds the lock.
            StateRefused::Busy {
                key,
                calls,
                after_ms,
            } if calls.is_empty() => StateRefused::Busy {
                key,
                calls: self.generations.running(),
                after_ms,
            },
            refused => refused,
        })
    }

    fn hold(&self, hold: Hold) -> Result<gate::Closed<'_>, StateRefused> {
        let timeout = Duration::from_millis(hold.timeout_ms);
        self.gate.close(timeout).map_err(|_| StateRefused::Busy {
            key: None,
            calls: self.generations.running(),
            after_ms: hold.timeout_ms,
        })
    }

    /// Accepts no more calls, and waits for those in flight.
    async fn drain(&self, grace: Duration) -> io::Result<()> {
        self.draining.store(true, Ordering::Release);
        // Calls waiting at the gate are refused.
        self.gate.open();
        let quiet = async {
            while self.activity.calls.load(Ordering::Acquire) > 0 {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        if time::timeout(grace, quiet).await.is_err() {
            eprintln!("kt: canceling calls that were still running after {grace:?}");
        }
        self.output.flush();
        self.output.drain();
        // Answers may not be written yet, and requests may still be in transit. GOAWAY names the
        // calls that were accepted (RFC 9113, 6.8); the driver repeats the others on another
        // worker.
        self.leaving.send_replace(true);
        let closed = async {
            while !self.connections.are_closed() {
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        // A stopped (SIGSTOP) program does not answer.
        let _ = time::timeout(crate::wire::limits::FAREWELL, closed).await;
        Ok(())
    }

    fn current(&self) -> Option<Arc<Loaded>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
