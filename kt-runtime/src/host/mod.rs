//! The host, first process of a pod: listens, authenticates, stores objects, supervises the worker, keeps the lease and the
//! log. Knows no user code and nothing of what travels between a driver and the worker: it hands the connection over.
//!
//! Everything runs on one thread, which is also the one that starts workers: a worker is killed when that thread ends
//! (`PR_SET_PDEATHSIG`, prctl(2)), and so never outlives its host.

mod control;
mod counters;
mod journal;
mod lease;
mod listen;
mod lock;
mod marker;
mod options;
mod process;
mod saved;
mod store;
mod supervise;
mod worker;

use std::{
    fs, io,
    io::Write,
    os::unix::net::UnixListener,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix,
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use self::{
    counters::Counters, journal::Journal, lease::Lease, lease::Use, store::Store,
    supervise::Supervisor,
};
pub use self::{
    lock::{ServiceLock, TryLock, holds_open},
    options::{DEFAULT_TTL, HostOptions},
};
pub use crate::logs::LogReader;
use crate::{sys, wire::limits};

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
    journal: Arc<Journal>,
    phase: watch::Sender<Phase>,
    /// Clones of it are held by control connections.
    connections: mpsc::Sender<()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Serving,
    Asked {
        why: String,
        grace: Duration,
    },
    /// The workers are gone.
    Ended,
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
    fn stop(&self, why: &str, grace: Duration) {
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Serving;
            if first {
                let why = why.to_owned();
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

/// Runs a host until the end of its service. Says on stdout when it is [`READY`] or that the service is [`TAKEN`], and on
/// stderr why it could not start.
///
/// To be called by the process's first thread, outside any runtime: workers are killed when their starter ends, and the
/// socket's mode is set through the process's umask.
pub fn main(options: HostOptions) -> ExitCode {
    match start(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What has to be done before there is more than one thread.
fn start(options: HostOptions) -> Result<ExitCode, String> {
    // Kept to the end: see there.
    let _low = sys::process::reserve_low(6).map_err(|error| error.to_string())?;
    let runtime_directory = options
        .socket
        .parent()
        .ok_or("the socket's path has no directory")?
        .to_owned();
    // Two locks: the socket's directory and the store's can be shared by different services if they are set to be.
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
            Ok(TryLock::Taken(_)) if locks.is_empty() => {
                println!("{TAKEN}");
                return Ok(ExitCode::SUCCESS);
            }
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
    let token = match &options.token_file {
        None => Vec::new(),
        Some(path) => {
            fs::read(path).map_err(|error| format!("failed to read {}: {error}", path.display()))?
        }
    };
    let journal = Arc::new(Journal::open(&options.directory));
    let store = Arc::new(Store::open(&options.directory).map_err(|error| error.to_string())?);
    supervise::clear_states(&options.directory)
        .map_err(|error| format!("failed to make a directory for states: {error}"))?;
    let counters = Counters::open(&options.directory)
        .map_err(|error| format!("failed to read the service's counters: {error}"))?;
    let listener = listen::bind(&options.socket)
        .map_err(|error| format!("failed to listen on {}: {error}", options.socket.display()))?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("failed to start: {error}"))?;

    let options = Arc::new(options);
    let (connections, farewell) = mpsc::channel(1);
    let host = Arc::new(Host {
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
        journal,
        phase: watch::Sender::new(Phase::Serving),
        connections,
        options,
    });
    let served = runtime.block_on(serve(host, listener, farewell));
    // Blocking tasks that are left write to files that are gone.
    runtime.shutdown_background();
    for lock in locks.into_iter().rev() {
        lock.remove();
    }
    // Not if another host has begun to use it.
    let _ = fs::remove_dir(&runtime_directory);
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    host: Arc<Host>,
    listener: UnixListener,
    mut farewell: mpsc::Receiver<()>,
) -> Result<(), String> {
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
            host.stop("a signal", limits::DRAIN);
        }));
    }
    let lease = Arc::clone(&host);
    tasks.push(tokio::spawn(async move {
        lease.lease.expired(|| lease.usage()).await;
        lease.stop("nothing happened for its time to live", limits::DRAIN);
    }));
    tasks.push(tokio::spawn(listen::accept(listener, Arc::clone(&host))));
    host.journal
        .say(format_args!("serving {}", host.options.service));
    announce().map_err(|error| format!("failed to say that it is ready: {error}"))?;

    let mut phase = host.phase.subscribe();
    let asked = phase.wait_for(|phase| *phase != Phase::Serving).await;
    let (why, grace) = match asked.as_deref() {
        Ok(Phase::Asked { why, grace }) => (why.clone(), *grace),
        _ => (String::new(), limits::DRAIN),
    };
    drop(asked);
    host.journal.say(format_args!("ending: {why}"));
    // First the socket: whoever comes from here on starts another host, which waits for our lock.
    let _ = fs::remove_file(&host.options.socket);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    host.supervisor.end(grace).await;
    host.phase.send_replace(Phase::Ended);
    host.store.remove();
    let _ = fs::remove_dir_all(supervise::states_directory(&host.options.directory));
    let journal = Arc::clone(&host.journal);
    drop(host);
    // Resolves once every control connection is gone, and with it its sender.
    let _ = timeout(FAREWELL, farewell.recv()).await;
    journal.say("ended");
    Ok(())
}

/// Tells whoever started us, and lets go of their pipe.
fn announce() -> io::Result<()> {
    let mut stdout = io::stdout();
    // Nobody reads it any more if `cargo kt` was interrupted; the service is of use to the next one.
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    sys::process::discard(1)
}
