//! The host, first process of a pod: listens, authenticates, stores objects, supervises the worker, keeps the lease and the
//! log. Knows no user code and nothing of what travels between a driver and the worker: it hands the connection over.
//!
//! Everything runs on one thread, which is also the one that starts workers: a worker is killed when that thread ends
//! (`PR_SET_PDEATHSIG`, prctl(2)), and so never outlives its host.

mod command;
mod control;
mod counters;
mod debug;
mod echo;
mod expired;
mod files;
mod forward;
mod inspect;
mod journal;
mod lease;
mod listen;
mod lock;
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

use self::{
    command::Commands, counters::Counters, debug::Debugging, echo::Echo, forward::Forwards,
    journal::Journal, lease::Lease, lease::Use, sample::Sampling, store::Store,
    supervise::Supervisor,
};
pub use self::{
    expired::Expired,
    lock::{ServiceLock, TryLock, holds_open},
    options::{DEFAULT_TTL, HostOptions, Pod},
    sample::Symbols,
};
pub use crate::{
    logs::{LogReader, PieceReader},
    sys::process::glibc,
};
use crate::{
    sys::{self, fd},
    wire::limits,
};

/// The line on stdout that says that the host answers on its socket.
pub const READY: &str = "kt-host: ready";
/// The line on stdout that says that another host has the service.
pub const TAKEN: &str = "kt-host: taken";

/// How long the last answers may take to get to those who asked.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything that requests need.
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
    journal: Arc<Journal>,
    debugging: Debugging,
    sampling: Sampling,
    phase: watch::Sender<Phase>,
    /// Clones of it are held by control connections.
    connections: mpsc::Sender<()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Serving,
    Asked {
        why: Ended,
        grace: Duration,
    },
    /// The workers are gone.
    Ended,
}

/// Why a host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Another host has the service.
    Taken,
    /// Nothing happened for its time to live.
    Expired,
    /// Somebody asked for it over a control connection.
    Asked,
    /// SIGTERM, SIGINT or SIGHUP: somebody else ends the process, and whatever else there is to end.
    Signal,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "another host has the service",
            Self::Expired => "nothing happened for its time to live",
            Self::Asked => "asked to",
            Self::Signal => "a signal",
        })
    }
}

/// Tells when the host ends, and makes it wait for its holder then.
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
    /// Ends the host; calls in flight may go on for `grace`.
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

/// Runs a host until the end of its service, as [`run`] does.
pub fn main(options: HostOptions) -> ExitCode {
    match run(options) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a host until the end of its service, and returns why that came. Outside of pods it says on stdout when it is [`READY`]
/// or that the service is [`TAKEN`].
///
/// To be called by the process's first thread, outside any runtime: workers are killed when their starter ends, and the
/// socket's mode is set through the process's umask.
///
/// # Errors
/// Why it could not start, in words.
pub fn run(options: HostOptions) -> Result<Ended, String> {
    let in_pod = options.pod.is_some();
    // First of all: who gets these numbers otherwise would be handed to workers.
    let inherited = match &options.pod {
        None => Inherited::default(),
        Some(pod) => inherit(pod)?,
    };
    // Kept to the end: see there.
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
    let (connections, farewell) = mpsc::channel(1);
    let host = Arc::new(Host::open(options, connections)?);
    let socket = &host.options.socket;
    let listener = listen::bind(socket)
        .map_err(|error| format!("failed to listen on {}: {error}", socket.display()))?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
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
    // Blocking tasks that are left write to files that are gone.
    runtime.shutdown_background();
    for lock in locks.into_iter().rev() {
        lock.remove();
    }
    // Not if another host has begun to use it.
    let _ = fs::remove_dir(&runtime_directory);
    served
}

/// Locks the service: its socket's directory and its store, which different services can share if they are set to. `None`:
/// another host has the service.
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
                    "{} is in use by the host of process {}, which listens in another directory than {}",
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

/// What connections must show; empty if the host has no file with it.
fn token(options: &HostOptions) -> Result<Vec<u8>, String> {
    let Some(path) = &options.token_file else {
        return Ok(Vec::new());
    };
    let token = fs::read(path);
    let token = token.map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    // The line's end that an editor leaves is none of it.
    Ok(token.trim_ascii_end().to_owned())
}

impl Host {
    /// Reads what the service has in its directory.
    fn open(options: HostOptions, connections: mpsc::Sender<()>) -> Result<Self, String> {
        let token = token(&options)?;
        let journal = Arc::new(Journal::open(&options.directory));
        let store = Arc::new(Store::open(&options.directory).map_err(|error| error.to_string())?);
        supervise::clear_states(&options.directory)
            .map_err(|error| format!("failed to make a directory for states: {error}"))?;
        let counters = Counters::open(&options.directory)
            .map_err(|error| format!("failed to read the service's counters: {error}"))?;
        let options = Arc::new(options);
        Ok(Self {
            token,
            started: Instant::now(),
            supervisor: Supervisor::new(
                Arc::clone(&options),
                Arc::clone(&store),
                Arc::clone(&journal),
                counters,
            ),
            store,
            lease: Lease::new(options.inactivity_ttl),
            commands: Arc::default(),
            forwards: Arc::default(),
            journal,
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
    host.journal
        .say(format_args!("serving {}", host.options.service));
    if host.options.pod.is_none() {
        announce().map_err(|error| format!("failed to say that it is ready: {error}"))?;
    }

    let mut phase = host.phase.subscribe();
    let asked = phase.wait_for(|phase| *phase != Phase::Serving).await;
    let (why, grace) = match asked.as_deref() {
        Ok(Phase::Asked { why, grace }) => (*why, *grace),
        _ => (Ended::Asked, limits::DRAIN),
    };
    drop(asked);
    host.journal.say(format_args!("ending: {why}"));
    // First the socket: whoever comes from here on starts another host, which waits for our lock.
    let _ = fs::remove_file(&host.options.socket);
    tasks.iter().for_each(JoinHandle::abort);
    let had_state = host.supervisor.has_state();
    host.supervisor.end(grace).await;
    // A pod's directory goes with it.
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
    let journal = Arc::clone(&host.journal);
    drop(host);
    // Resolves once every control connection is gone, and with it its sender.
    let _ = timeout(FAREWELL, farewell.recv()).await;
    journal.say("ended");
    Ok(why)
}

/// What the first stage hands over.
#[derive(Debug, Default)]
struct Inherited {
    listener: Option<TcpListener>,
    connection: Option<TcpStream>,
    ready: Option<TcpListener>,
}

fn inherit(pod: &Pod) -> Result<Inherited, String> {
    let take = |number: RawFd| {
        // SAFETY: this runs before anything else in this process opens a file, and the first stage gives each number once.
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

/// Starts what only a pod has.
fn serve_pod(inherited: Inherited, host: &Arc<Host>) -> io::Result<Vec<JoinHandle<()>>> {
    // Where containers share the pod's processes, another's first process would get them.
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
        // Not among the tasks: it outlives the workers, as accepted connections do.
        tokio::spawn(listen::converse_forwarded(connection, Arc::clone(host)));
    }
    Ok(tasks)
}

/// Tells whoever started us, and lets go of their pipe.
fn announce() -> io::Result<()> {
    let mut stdout = io::stdout();
    // Nobody reads it any more if `cargo kt` was interrupted; the service is of use to the next one.
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    sys::process::discard(1)
}
