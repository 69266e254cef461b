//! `cargo kt ssh --server`, `--stdio` and `--config`: the service for clients that speak SSH.
//!
//! The server is here and not in the pod: nothing listens there, no image needs one, and no key leaves this machine. What
//! clients ask for goes through the connection that kt has to the service anyway.

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
    config::Way,
    keys::Keys,
    line::Line,
};
use super::{CommandError, SshServerError, print::print, service::ServiceArgs, start};
use crate::{place::Dirs, terminal::Terminal};

/// Bytes that a client may send in a channel before it is told that there is room for more. No more than these lie before
/// what it says of its own room: see [`line`].
const WINDOW: u32 = 256 << 10;
/// How long a client may take to show its key.
const LOGIN: Duration = Duration::from_secs(30);
/// Clients at once.
const CLIENTS: usize = 256;
/// How often to look whether a client is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How SSH is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serve {
    /// On a port of the loopback; 0 is any that is free.
    Port(u16),
    /// To one client, on standard input and output.
    Stdio,
    /// Not at all: how to get there is printed.
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
            what: "find cargo-kt itself".into(),
            source,
        })?;
        let options = service.place_options();
        let block = config::block(&name, &keys, &Way::Command { program, options });
        show(terminal, &name, None, &block)?;
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
                let block = config::block(&name, &keys, &Way::Port(port));
                terminal.status(
                    "Serving",
                    format_args!("SSH to {name} on 127.0.0.1:{port}, until Ctrl-C"),
                );
                show(terminal, &name, Some(port), &block)?;
                accept(&listener, &shared, &settings).await;
                Ok(ExitCode::SUCCESS)
            }
            _ => {
                let stream = join(tokio::io::stdin(), tokio::io::stdout());
                let stdin = std::io::stdin();
                let gone = gone(stdin.as_fd());
                converse(stream, None, gone, &shared, settings).await?;
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

/// Prints what goes into ~/.ssh/config.
fn show(
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

/// Serves all who come.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>, settings: &Arc<Config>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // More than anybody has; others of this machine may connect too, and are not let in.
                Ok(_) if clients.len() >= CLIENTS => {}
                Ok((stream, from)) => {
                    let (shared, settings) = (Arc::clone(shared), Arc::clone(settings));
                    clients.spawn(async move { serve_stream(stream, from.to_string(), &shared, settings).await });
                }
                Err(_) => sleep(limits::ACCEPT_AGAIN).await,
            },
            // Those that have ended need no room.
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
    // Small messages are not kept back.
    let _ = stream.set_nodelay(true);
    let Ok(descriptor) = stream.as_fd().try_clone_to_owned() else {
        return;
    };
    let gone = gone(descriptor.as_fd());
    if let Err(error) = converse(stream, Some(name.clone()), gone, shared, settings).await {
        shared
            .terminal
            .warning(format_args!("the client from {name}: {error}"));
    }
}

/// Serves one client to its end. Nothing is said of one without a name: it knows itself.
async fn converse<S>(
    stream: S,
    name: Option<String>,
    gone: impl Future<Output = ()>,
    shared: &Arc<Shared>,
    settings: Arc<Config>,
) -> Result<(), SshServerError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (let_in, line) = (Arc::new(AtomicBool::new(false)), Arc::new(Line::default()));
    let client = Client::new(
        Arc::clone(shared),
        name.clone(),
        Arc::clone(&let_in),
        Arc::clone(&line),
    );
    let started = timeout(LOGIN, run_stream(settings, stream, client)).await;
    // One that only looks whether somebody listens says nothing.
    let Ok(Ok(mut session)) = started else {
        return Ok(());
    };
    let late = async {
        sleep(LOGIN).await;
        if let_in.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = &mut session => ended,
        () = gone => Ok(()),
        () = late => Ok(()),
    };
    // In case that it was not the session itself that ended.
    line.close();
    let words = "the session has ended".to_owned();
    let handle = session.handle();
    let leaving = handle.disconnect(Disconnect::ByApplication, words, String::new());
    let _ = timeout(LOOK, leaving).await;
    let let_in = let_in.load(Ordering::Relaxed);
    match name {
        Some(name) if let_in => shared
            .terminal
            .status("Disconnected", format_args!("the client from {name}")),
        Some(name) => shared.terminal.warning(format_args!(
            "the client from {name} did not show the key of the service, and was not let in"
        )),
        None => {}
    }
    match ended {
        // As any client ends that is closed or killed.
        Ok(()) | Err(russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_)) => Ok(()),
        Err(error) => Err(SshServerError::Connection(error)),
    }
}

/// Resolves when the other end of a descriptor is gone, whether or not what it sent has been read: who waits for room does
/// not read.
async fn gone(descriptor: BorrowedFd<'_>) {
    loop {
        sleep(LOOK).await;
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
