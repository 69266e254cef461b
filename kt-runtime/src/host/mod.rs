//! The host, first process of a pod: listens, authenticates, stores objects, supervises the worker,
//! keeps the lease and the log. It does not know user code or the traffic between a driver and the
//! worker: it passes the connection over.
//!
//! Everything runs on one thread, which also starts workers: a worker is killed when that thread
//! exits (`PR_SET_PDEATHSIG`, prctl(2)), so it never outlives its host.

mod command;
mod control;
mod counters;
mod debug;
mod echo;
mod expired;
mod files;
mod forward;
mod inspect;
mod lease;
mod listen;
mod lock;
pub mod logging;
mod maps;
mod marker;
mod options;
mod orphans;
mod process;
mod ready;
mod request;
mod sample;
mod saved;
mod store;
#[cfg(any(test, fuzzing))]
pub(crate) use store::fuzz_object;
#[cfg(test)]
pub(crate) use store::fuzz_seeds;
mod supervise;
mod tunnel;
mod worker;

use std::{
    fmt, fs, io,
    io::Write,
    mem,
    net::{TcpListener, TcpStream},
    os::{fd::RawFd, unix::net::UnixListener},
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::{Dispatch, dispatcher};

use self::{
    command::Commands, counters::Counters, debug::Debugging, echo::Echo, forward::Forwards,
    lease::Lease, lease::Use, sample::Sampling, store::Store, supervise::Supervisor,
};
pub use self::{
    expired::Expired,
    lock::{ServiceLock, TryLock, holds_open},
    options::{DEFAULT_TTL, HostOptions, Pod},
    sample::Symbols,
    store::object_path,
};
pub use crate::{
    logs::{LogReader, PieceReader},
    sys::process::glibc,
};
use crate::{
    sys::{self, fd},
    wire::limits,
};

/// Printed on stdout once the host answers on its socket.
pub const READY: &str = "kt-host: ready";
/// Printed on stdout if another host runs the service.
pub const TAKEN: &str = "kt-host: taken";

/// Time limit for sending the last answers.
const FAREWELL: Duration = Duration::from_secs(1);

/// The state that requests share.
#[derive(Debug)]
struct Host {
    options: Arc<HostOptions>,
    token: Vec<u8>,
    started: Instant,
    store: Arc<Store>,
    supervisor: Arc<Supervisor>,
    lease: Lease,
    commands: Arc<Commands>,
    forwards: Arc<Forwards>,
    /// Requests are logged to it: the wire runs their handlers without a subscriber.
    log: Dispatch,
    debugging: Debugging,
    sampling: Sampling,
    phase: watch::Sender<Phase>,
    /// Control connections hold clones of it.
    connections: mpsc::Sender<()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Serving,
    Asked {
        why: Ended,
        grace: Duration,
    },
    /// The workers have exited.
    Ended,
}

/// Why a host stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Another host runs the service.
    Taken,
    /// The lease expired without activity.
    Expired,
    /// A client requested it over a control connection.
    Asked,
    /// SIGTERM, SIGINT or SIGHUP: another process stops this one, and does its own cleanup.
    Signal,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "another host runs the service",
            Self::Expired => "no activity for its time to live",
            Self::Asked => "requested",
            Self::Signal => "received a signal",
        })
    }
}

/// Reports when the host stops, and makes the host wait until this is dropped.
#[derive(Debug)]
struct Stopping {
    phase: watch::Receiver<Phase>,
    _connection: mpsc::Sender<()>,
}

impl Stopping {
    async fn asked(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase != Phase::Serving).await;
    }

    async fn ended(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase == Phase::Ended).await;
    }
}

impl Host {
    /// Stops the host; calls in flight may continue for `grace`.
    fn stop(&self, why: Ended, grace: Duration) {
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Serving;
            if first {
                *phase = Phase::Asked { why, grace };
            }
            first
        });
    }

    fn stopping(&self) -> Stopping {
        Stopping {
            phase: self.phase.subscribe(),
            _connection: self.connections.clone(),
        }
    }

    async fn usage(&self) -> Use {
        if self.supervisor.draining() {
            return Use::Busy;
        }
        match self.supervisor.live() {
            None => Use::None,
            Some(worker) => match worker.health().await {
                Some(health) if health.calls == 0 => Use::Idle(health.idle),
                _ => Use::Busy,
            },
        }
    }
}

/// Prepares a command so that the host it starts outlives its parent and its parent's terminal.
pub fn detach(command: &mut Command) {
    sys::process::detach(command);
}

/// Runs a host until its service stops, see [`run`].
pub fn main(options: HostOptions) -> ExitCode {
    match run(options) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a host until its service stops, and returns the reason. Outside of pods it prints to stdout
/// when it is [`READY`] or that the service is [`TAKEN`].
///
/// Call this on the process's main thread, outside any runtime: workers are killed when the thread
/// that started them exits, and the socket's mode is set through the process's umask.
///
/// # Errors
/// Why the host could not start.
pub fn run(options: HostOptions) -> Result<Ended, String> {
    let in_pod = options.pod.is_some();
    // First of all: otherwise other files could get these descriptors and be passed to workers.
    let inherited = match &options.pod {
        None => Inherited::default(),
        Some(pod) => inherit(pod)?,
    };
    // Kept until the end, see `reserve_low`.
    fd::raise_limit();
    let _low = sys::process::reserve_low(6).map_err(|error| error.to_string())?;
    let runtime_directory = options
        .socket
        .parent()
        .ok_or("the socket's path has no directory")?
        .to_owned();
    let Some(locks) = lock(&options, &runtime_directory)? else {
        if !in_pod {
            println!("{TAKEN}");
        }
        return Ok(Ended::Taken);
    };
    let log = logging::to_file(&options.directory.join("host.log"));
    let _logged = dispatcher::set_default(&log);
    let of_threads = log.clone();
    let (connections, farewell) = mpsc::channel(1);
    let host = Arc::new(Host::open(options, connections, log)?);
    let socket = &host.options.socket;
    let listener = listen::bind(socket)
        .map_err(|error| format!("failed to listen on {}: {error}", socket.display()))?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        // Until the thread exits.
        .on_thread_start(move || mem::forget(dispatcher::set_default(&of_threads)))
        .build()
        .map_err(|error| format!("failed to start: {error}"))?;
    let echo = match in_pod {
        true => Some(Echo::start(&host.supervisor.logs()).map_err(|error| error.to_string())?),
        false => None,
    };
    let served = runtime.block_on(serve(host, listener, inherited, farewell));
    if let Some(echo) = echo {
        echo.finish();
    }
    // Remaining blocking tasks only write to removed files.
    runtime.shutdown_background();
    for lock in locks.into_iter().rev() {
        lock.remove();
    }
    // Fails if another host already uses it.
    let _ = fs::remove_dir(&runtime_directory);
    served
}

/// Locks the service, or returns `None` if another host runs it. Two locks: services can be
/// configured to share the socket's directory or the store's.
fn lock(
    options: &HostOptions,
    runtime_directory: &Path,
) -> Result<Option<Vec<ServiceLock>>, String> {
    let mut locks = Vec::new();
    for path in [
        runtime_directory.join("lock"),
        options.directory.join("lock"),
    ] {
        match ServiceLock::try_acquire(&path) {
            Ok(TryLock::Held(mut lock)) => {
                lock.claim()
                    .map_err(|error| format!("failed to write to {}: {error}", path.display()))?;
                locks.push(lock);
            }
            Ok(TryLock::Taken(_)) if locks.is_empty() => return Ok(None),
            Ok(TryLock::Taken(pid)) => {
                return Err(format!(
                    "{} is in use by host process {}, which listens outside of {}",
                    options.directory.display(),
                    pid.map_or("?".to_owned(), |pid| pid.to_string()),
                    runtime_directory.display()
                ));
            }
            Err(error) => return Err(format!("failed to lock {}: {error}", path.display())),
        }
    }
    Ok(Some(locks))
}

/// The token that connections must present; empty without a token file.
fn token(options: &HostOptions) -> Result<Vec<u8>, String> {
    let Some(path) = &options.token_file else {
        return Ok(Vec::new());
    };
    let token = fs::read(path);
    let token = token.map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    // Ignore a trailing newline, which editors add.
    Ok(token.trim_ascii_end().to_owned())
}

impl Host {
    /// Opens the files of the service's directory.
    fn open(
        options: HostOptions,
        connections: mpsc::Sender<()>,
        log: Dispatch,
    ) -> Result<Self, String> {
        let token = token(&options)?;
        let store = Arc::new(Store::open(&options.directory).map_err(|error| error.to_string())?);
        supervise::clear_states(&options.directory)
            .map_err(|error| format!("failed to create a directory for states: {error}"))?;
        let counters = Counters::open(&options.directory)
            .map_err(|error| format!("failed to read the service's counters: {error}"))?;
        let options = Arc::new(options);
        Ok(Self {
            token,
            started: Instant::now(),
            supervisor: Supervisor::new(Arc::clone(&options), Arc::clone(&store), counters),
            store,
            lease: Lease::new(options.inactivity_ttl),
            commands: Arc::default(),
            forwards: Arc::default(),
            log,
            debugging: Debugging::default(),
            sampling: Sampling::default(),
            phase: watch::Sender::new(Phase::Serving),
            connections,
            options,
        })
    }
}

async fn serve(
    host: Arc<Host>,
    listener: UnixListener,
    inherited: Inherited,
    mut farewell: mpsc::Receiver<()>,
) -> Result<Ended, String> {
    let listener = tokio::net::UnixListener::from_std(listener)
        .map_err(|error| format!("failed to listen: {error}"))?;
    let mut tasks = Vec::new();
    for kind in [
        unix::SignalKind::terminate(),
        unix::SignalKind::interrupt(),
        unix::SignalKind::hangup(),
    ] {
        let mut signals =
            unix::signal(kind).map_err(|error| format!("failed to handle signals: {error}"))?;
        let host = Arc::clone(&host);
        tasks.push(tokio::spawn(async move {
            signals.recv().await;
            host.stop(Ended::Signal, limits::DRAIN);
        }));
    }
    let lease = Arc::clone(&host);
    tasks.push(tokio::spawn(async move {
        lease.lease.expired(|| lease.usage()).await;
        lease.stop(Ended::Expired, limits::DRAIN);
    }));
    tasks.push(tokio::spawn(listen::accept(listener, Arc::clone(&host))));
    if host.options.pod.is_some() {
        tasks.extend(
            serve_pod(inherited, &host).map_err(|error| format!("failed to listen: {error}"))?,
        );
    }
    tracing::info!("serving {}", host.options.service);
    if host.options.pod.is_none() {
        announce().map_err(|error| format!("failed to report readiness: {error}"))?;
    }

    let mut phase = host.phase.subscribe();
    let asked = phase.wait_for(|phase| *phase != Phase::Serving).await;
    let (why, grace) = match asked.as_deref() {
        Ok(Phase::Asked { why, grace }) => (*why, *grace),
        _ => (Ended::Asked, limits::DRAIN),
    };
    drop(asked);
    tracing::info!("stopping: {why}");
    // Remove the socket first: later clients start another host, which waits for this one's lock.
    let _ = fs::remove_file(&host.options.socket);
    tasks.iter().for_each(JoinHandle::abort);
    let had_state = host.supervisor.has_state();
    host.supervisor.end(grace).await;
    // A pod's directory is deleted with the pod.
    if why == Ended::Expired && host.options.pod.is_none() {
        let expired = Expired {
            workspace: host.options.workspace.clone(),
            ttl: host.lease.ttl(),
            had_state,
        };
        expired.write(&host.options.directory);
    }
    host.phase.send_replace(Phase::Ended);
    host.store.remove();
    let _ = fs::remove_dir_all(supervise::states_directory(&host.options.directory));
    drop(host);
    // Resolves once every control connection is closed and its sender dropped.
    let _ = timeout(FAREWELL, farewell.recv()).await;
    tracing::info!("stopped");
    Ok(why)
}

/// Descriptors that the first stage passes on.
#[derive(Debug, Default)]
struct Inherited {
    listener: Option<TcpListener>,
    connection: Option<TcpStream>,
    ready: Option<TcpListener>,
}

fn inherit(pod: &Pod) -> Result<Inherited, String> {
    let take = |number: RawFd| {
        // SAFETY: this runs before anything else in this process opens a file, and the first stage
        // passes each descriptor once.
        unsafe { fd::inherit(number) }.map_err(|error| format!("descriptor {number}: {error}"))
    };
    let nonblocking = |error: io::Error| format!("failed to prepare a socket: {error}");
    let inherited =
        Inherited {
            listener: pod.listener.map(take).transpose()?.map(TcpListener::from),
            connection: pod.connection.map(take).transpose()?.map(TcpStream::from),
            ready: match pod.ready_port {
                None => None,
                Some(port) => Some(ready::bind(port).map_err(|error| {
                    format!("failed to listen on port {port} for probes: {error}")
                })?),
            },
        };
    if let Some(listener) = &inherited.listener {
        listener.set_nonblocking(true).map_err(nonblocking)?;
    }
    if let Some(connection) = &inherited.connection {
        connection.set_nonblocking(true).map_err(nonblocking)?;
    }
    Ok(inherited)
}

/// Starts the tasks that only a pod needs.
fn serve_pod(inherited: Inherited, host: &Arc<Host>) -> io::Result<Vec<JoinHandle<()>>> {
    // If containers share the pod's process namespace, another container's first process would
    // adopt them.
    sys::process::adopt_orphans()?;
    let mut tasks = vec![tokio::spawn(orphans::reap())];
    if let Some(listener) = inherited.listener {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.push(tokio::spawn(listen::accept_forwarded(
            listener,
            Arc::clone(host),
        )));
    }
    if let Some(listener) = inherited.ready {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.push(tokio::spawn(ready::serve(listener, Arc::clone(host))));
    }
    if let Some(connection) = inherited.connection {
        let connection = tokio::net::TcpStream::from_std(connection)?;
        // Not among the tasks: it outlives the workers, like accepted connections.
        tokio::spawn(listen::converse_forwarded(connection, Arc::clone(host)));
    }
    Ok(tasks)
}

/// Reports readiness to the parent process, and closes the pipe to it.
fn announce() -> io::Result<()> {
    let mut stdout = io::stdout();
    // Ignore errors: if `cargo kt` was interrupted, the next one can still use the service.
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    sys::process::discard(1)
}
