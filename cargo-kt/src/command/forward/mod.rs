//! `cargo kt forward`: forwards local TCP ports to a service, or ports of a service to the local
//! machine.

mod ports;
pub(super) mod tunnel;

use std::{net::Ipv4Addr, process::ExitCode, sync::Arc};

use kt::wire::{
    forward::{self, Accepted, Connect, Listen, Listening, NotListening},
    frames::Frames,
    limits,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use self::ports::Ports;
use super::{
    CommandError, ForwardError, Speech, places::PlaceArgs, profile::ProfileArgs, service::choose,
    start,
};
use crate::{place::Connected, terminal::Terminal};

#[derive(Debug, clap::Args)]
pub(super) struct ForwardArgs {
    /// `LOCAL[:[HOST:]REMOTE]`: a local port, and a port of the service or of a host that it can
    /// reach; may be repeated
    #[arg(value_name = "PORTS", required = true)]
    ports: Vec<Ports>,
    /// Forward ports of the service to this machine: `REMOTE[:[HOST:]LOCAL]`
    #[arg(long)]
    reverse: bool,
    /// Service name, as shown by `cargo kt ls` [default: this workspace's service, or the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "ProfileArgs")]
    service: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn forward(args: ForwardArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, run(&args, &terminal))
}

/// Forwards until Ctrl-C or until the service stops.
async fn run(args: &ForwardArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.places.places()?;
    let name = choose(args.service.as_deref(), &args.profile, &places).await?;
    let connected = Arc::new(places.connect(&name).await?);
    // Before the first status line: its reader may interrupt immediately.
    let failed = |source| CommandError::Io {
        what: "handle signals".into(),
        source,
    };
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut forwards = JoinSet::new();
    for ports in &args.ports {
        match args.reverse {
            false => {
                let listener = bind(ports.listen_port).await?;
                let listen_port = listener
                    .local_addr()
                    .map_or(ports.listen_port, |it| it.port());
                terminal.status(
                    "Forwarding",
                    format_args!("127.0.0.1:{listen_port} to {} of {name}", ports.target()),
                );
                forwards.spawn(forward_to_service(
                    Arc::clone(&connected),
                    terminal.clone(),
                    listener,
                    ports.clone(),
                ));
            }
            true => {
                let (listening, events) = listen_in_service(&connected, ports.listen_port).await?;
                terminal.status(
                    "Forwarding",
                    format_args!(
                        "port {} of {name} to {} on this machine",
                        listening.port,
                        ports.target()
                    ),
                );
                forwards.spawn(forward_to_local(
                    Arc::clone(&connected),
                    terminal.clone(),
                    events,
                    ports.clone(),
                ));
            }
        }
    }
    tokio::select! {
        _ = interrupted.recv() => Ok(ExitCode::SUCCESS),
        _ = terminated.recv() => Ok(ExitCode::SUCCESS),
        () = connected.ended() => Err(ForwardError::ServiceEnded { service: name }.into()),
        // They return only when the connection closes.
        _ = forwards.join_next() => Err(ForwardError::ServiceEnded { service: name }.into()),
    }
}

async fn bind(port: u16) -> Result<TcpListener, ForwardError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| ForwardError::Bind { port, source })
}

/// Forwards each local connection to the service.
async fn forward_to_service(
    connected: Arc<Connected>,
    terminal: Terminal,
    listener: TcpListener,
    ports: Ports,
) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(limits::ACCEPT_AGAIN).await;
                    continue;
                }
            },
            // Removes closed connections from the set.
            Some(_) = connections.join_next() => continue,
        };
        let (connected, terminal, ports) =
            (Arc::clone(&connected), terminal.clone(), ports.clone());
        connections.spawn(async move {
            let to = Connect {
                host: ports.target_host.clone(),
                port: ports.target_port,
            };
            match tunnel::open(&connected, forward::CONNECT, &to).await {
                Ok(tunnel) => tunnel.carry(stream).await,
                Err(why) => terminal.warning(format_args!(
                    "failed to connect to {} of {}: {why}",
                    ports.target(),
                    connected.service
                )),
            }
        });
    }
}

/// Requests that the service listens on a port.
///
/// # Errors
/// If the service cannot listen.
pub(super) async fn listen_in_service(
    connected: &Connected,
    port: u16,
) -> Result<(Listening, Frames), CommandError> {
    let body = connected.stream(forward::LISTEN, &Listen { port }).await?;
    let mut events = Frames::new(body, limits::CONTROL);
    let listening: Result<Listening, NotListening> = connected.must_next(&mut events).await?;
    let listening = listening.map_err(|refused| ForwardError::Listen {
        port,
        service: connected.service.clone(),
        why: refused.why,
    })?;
    Ok((listening, events))
}

/// Forwards each connection to the service's port to the local machine.
async fn forward_to_local(
    connected: Arc<Connected>,
    terminal: Terminal,
    mut events: Frames,
    ports: Ports,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted: Accepted = tokio::select! {
            event = events.next() => match event {
                Ok(Some(accepted)) => accepted,
                // The service stopped, or the connection to it closed.
                _ => return,
            },
            Some(_) = connections.join_next() => continue,
        };
        let (connected, terminal, ports) =
            (Arc::clone(&connected), terminal.clone(), ports.clone());
        connections.spawn(async move {
            // Connects locally first: without a local listener the remote connection is closed
            // without a byte.
            match TcpStream::connect((ports.target_host.as_str(), ports.target_port)).await {
                Ok(stream) => {
                    if let Ok(tunnel) = tunnel::open(&connected, forward::ACCEPT, &accepted).await {
                        tunnel.carry(stream).await;
                    }
                }
                Err(error) => {
                    terminal.warning(format_args!(
                        "failed to connect to {} on this machine: {error}",
                        ports.target()
                    ));
                    // Accepting and dropping it closes it immediately.
                    let _ = tunnel::open(&connected, forward::ACCEPT, &accepted).await;
                }
            }
        });
    }
}
