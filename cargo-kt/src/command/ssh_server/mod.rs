//! `cargo kt ssh --server`, `--stdio` and `--config`: an SSH server for a service. The server runs
//! on this machine and not in the pod: nothing listens in the pod, images need no SSH server, and
//! no key leaves this machine. Requests of clients go through kt's existing connection to the
//! service.

mod client;
mod config;
mod keys;
mod line;
mod relay;

use std::{
    borrow::Cow,
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kt::wire::limits;
use russh::{
    Disconnect, MethodKind, MethodSet, SshId,
    server::{Config, run_stream},
};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, join},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    client::{Client, Shared},
    config::Endpoint,
    keys::Keys,
    line::Line,
};
use super::{CommandError, SshServerError, print::print, service::ServiceArgs, start};
use crate::{place::Dirs, terminal::Terminal};

/// The window size: bytes that a client may send in a channel before the window is extended. At
/// most this many precede the client's own window messages: see [`line`].
const WINDOW: u32 = 256 << 10;
/// Timeout for authentication.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of concurrent clients.
const MAX_CLIENTS: usize = 256;
/// Interval of checks whether a client disconnected.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How SSH is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serve {
    /// On a port of the loopback interface; 0 selects a free one.
    Port(u16),
    /// To one client, on standard input and output.
    Stdio,
    /// Print a block for `~/.ssh/config` instead.
    Config,
}

pub(super) fn ssh_server(
    service: &ServiceArgs,
    serve: Serve,
    keep_alive: bool,
    terminal: &Terminal,
) -> ExitCode {
    start(terminal, run(service, serve, keep_alive, terminal))
}

async fn run(
    service: &ServiceArgs,
    serve: Serve,
    keep_alive: bool,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let places = service.places()?;
    let name = service.choose(&places).await?;
    let dirs = Dirs::current()?;
    let keys = Keys::of(&dirs, &name, &config::alias(&name))?;
    if serve == Serve::Config {
        let program = std::env::current_exe().map_err(|source| CommandError::Io {
            what: "find the cargo-kt executable".into(),
            source,
        })?;
        let options = service.place_options();
        let block = config::block(&name, &keys, &Endpoint::Command { program, options });
        print_block(terminal, &name, None, &block)?;
        return Ok(ExitCode::SUCCESS);
    }
    let connected = places.connect(&name).await?;
    let shared = Arc::new(Shared {
        connected,
        terminal: terminal.clone(),
        key: keys.client.public_key().clone(),
        keep_alive,
    });
    let settings = Arc::new(settings(&keys));
    let serving = async {
        match serve {
            Serve::Port(port) => {
                let listener = bind(port).await?;
                let port = listener.local_addr().map_or(port, |it| it.port());
                let block = config::block(&name, &keys, &Endpoint::Port(port));
                terminal.status(
                    "Serving",
                    format_args!("SSH to {name} on 127.0.0.1:{port}, until Ctrl-C"),
                );
                print_block(terminal, &name, Some(port), &block)?;
                accept(&listener, &shared, &settings).await;
                Ok(ExitCode::SUCCESS)
            }
            _ => {
                let stream = join(tokio::io::stdin(), tokio::io::stdout());
                let stdin = std::io::stdin();
                let disconnected = disconnected(stdin.as_fd());
                converse(stream, None, disconnected, &shared, settings).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    };
    let failed = |source| CommandError::Io {
        what: "handle signals".into(),
        source,
    };
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        served = serving => served,
        _ = interrupted.recv() => Ok(ExitCode::SUCCESS),
        _ = terminated.recv() => Ok(ExitCode::SUCCESS),
        () = shared.connected.ended() => Err(SshServerError::ServiceEnded { service: name.clone() }.into()),
    }
}

/// Prints the block for ~/.ssh/config.
fn print_block(
    terminal: &Terminal,
    service: &str,
    port: Option<u16>,
    block: &str,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct SshConfig<'a> {
        service: &'a str,
        host: &'a str,
        port: Option<u16>,
        config: &'a str,
    }
    if terminal.is_json() {
        let host = &config::alias(service);
        let config = block;
        terminal.json(
            "kt-ssh-config",
            &SshConfig {
                service,
                host,
                port,
                config,
            },
        );
        return Ok(());
    }
    print(block)
}

fn settings(keys: &Keys) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-kt_",
            env!("CARGO_PKG_VERSION")
        ))),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        keys: vec![keys.host.clone()],
        auth_rejection_time: Duration::from_millis(100),
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: 6,
        window_size: WINDOW,
        channel_buffer_size: 4,
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..Config::default()
    }
}

async fn bind(port: u16) -> Result<TcpListener, SshServerError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| SshServerError::Bind { port, source })
}

/// Accepts and serves clients.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>, settings: &Arc<Config>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // A limit against other users of this machine: they can connect, but not
                // authenticate.
                Ok(_) if clients.len() >= MAX_CLIENTS => {}
                Ok((stream, from)) => {
                    let (shared, settings) = (Arc::clone(shared), Arc::clone(settings));
                    clients.spawn(async move { serve_stream(stream, from.to_string(), &shared, settings).await });
                }
                Err(_) => sleep(limits::ACCEPT_AGAIN).await,
            },
            // Removes disconnected clients from the set.
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn serve_stream(
    stream: TcpStream,
    name: String,
    shared: &Arc<Shared>,
    settings: Arc<Config>,
) {
    // Do not delay small messages.
    let _ = stream.set_nodelay(true);
    let Ok(descriptor) = stream.as_fd().try_clone_to_owned() else {
        return;
    };
    let disconnected = disconnected(descriptor.as_fd());
    if let Err(error) = converse(stream, Some(name.clone()), disconnected, shared, settings).await {
        shared
            .terminal
            .warning(format_args!("client from {name}: {error}"));
    }
}

/// Serves one client until it disconnects. Prints no status for a client without a name: it started
/// this process.
async fn converse<S>(
    stream: S,
    name: Option<String>,
    disconnected: impl Future<Output = ()>,
    shared: &Arc<Shared>,
    settings: Arc<Config>,
) -> Result<(), SshServerError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (authenticated, line) = (Arc::new(AtomicBool::new(false)), Arc::new(Line::default()));
    let client = Client::new(
        Arc::clone(shared),
        name.clone(),
        Arc::clone(&authenticated),
        Arc::clone(&line),
    );
    let started = timeout(LOGIN_TIMEOUT, run_stream(settings, stream, client)).await;
    // A port check connects without sending anything.
    let Ok(Ok(mut session)) = started else {
        return Ok(());
    };
    let late = async {
        sleep(LOGIN_TIMEOUT).await;
        if authenticated.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = &mut session => ended,
        () = disconnected => Ok(()),
        () = late => Ok(()),
    };
    // For the case that the session is still running.
    line.close();
    let message = "the session ended".to_owned();
    let handle = session.handle();
    let leaving = handle.disconnect(Disconnect::ByApplication, message, String::new());
    let _ = timeout(CHECK_INTERVAL, leaving).await;
    let authenticated = authenticated.load(Ordering::Relaxed);
    match name {
        Some(name) if authenticated => shared
            .terminal
            .status("Disconnected", format_args!("the client from {name}")),
        Some(name) => shared.terminal.warning(format_args!(
            "rejected the client from {name}: it did not authenticate with the service's key"
        )),
        None => {}
    }
    match ended {
        // A client that was closed or killed.
        Ok(()) | Err(russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_)) => Ok(()),
        Err(error) => Err(SshServerError::Connection(error)),
    }
}

/// Resolves when the peer of a descriptor disconnects, even if its data has not been read: a task
/// that waits for capacity does not read.
async fn disconnected(descriptor: BorrowedFd<'_>) {
    loop {
        sleep(CHECK_INTERVAL).await;
        let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::RDHUP)];
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let _ = poll(&mut polled, Some(&now));
        let ends = PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR;
        if polled[0].revents().intersects(ends) {
            return;
        }
    }
}
