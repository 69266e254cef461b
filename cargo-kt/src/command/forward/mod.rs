//! `cargo kt forward`: TCP ports here that lead to a service, and the other way round.

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
    /// `HERE[:[HOST:]THERE]`: a port of this machine, and one of the service or of a host that it reaches; may be repeated
    #[arg(value_name = "PORTS", required = true)]
    ports: Vec<Ports>,
    /// Let ports of the service lead here: `THERE[:[HOST:]HERE]`
    #[arg(long)]
    reverse: bool,
    /// The service, as `cargo kt ls` names it [default: this workspace's, or the only one]
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

/// Forwards until Ctrl-C or the service's end.
async fn run(args: &ForwardArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.places.places()?;
    let name = choose(args.service.as_deref(), &args.profile, &places).await?;
    let connected = Arc::new(places.connect(&name).await?);
    // Before anything is announced: who reads that may interrupt at once.
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
                let listener = bind(ports.near).await?;
                let near = listener.local_addr().map_or(ports.near, |it| it.port());
                terminal.status(
                    "Forwarding",
                    format_args!("127.0.0.1:{near} to {} of {name}", ports.target()),
                );
                forwards.spawn(lead_there(
                    Arc::clone(&connected),
                    terminal.clone(),
                    listener,
                    ports.clone(),
                ));
            }
            true => {
                let (listening, events) = listen_there(&connected, ports.near).await?;
                terminal.status(
                    "Forwarding",
                    format_args!(
                        "port {} of {name} to {} here",
                        listening.port,
                        ports.target()
                    ),
                );
                forwards.spawn(lead_here(
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
        // They end only with the connection.
        _ = forwards.join_next() => Err(ForwardError::ServiceEnded { service: name }.into()),
    }
}

async fn bind(port: u16) -> Result<TcpListener, ForwardError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| ForwardError::Bind { port, source })
}

/// Leads each connection that is made here to the service.
async fn lead_there(
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
            // Those that have ended need no room.
            Some(_) = connections.join_next() => continue,
        };
        let (connected, terminal, ports) =
            (Arc::clone(&connected), terminal.clone(), ports.clone());
        connections.spawn(async move {
            let to = Connect {
                host: ports.host.clone(),
                port: ports.far,
            };
            match tunnel::open(&connected, forward::CONNECT, &to).await {
                Ok(tunnel) => tunnel.carry(stream).await,
                Err(why) => terminal.warning(format_args!(
                    "no connection to {} of {}: {why}",
                    ports.target(),
                    connected.service
                )),
            }
        });
    }
}

/// Has the service listen.
///
/// # Errors
/// If it cannot.
pub(super) async fn listen_there(
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

/// Leads each connection that is made to the service here.
async fn lead_here(
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
                // The service has ended, or the connection to it.
                _ => return,
            },
            Some(_) = connections.join_next() => continue,
        };
        let (connected, terminal, ports) =
            (Arc::clone(&connected), terminal.clone(), ports.clone());
        connections.spawn(async move {
            // First here: what nobody serves is closed there without a byte.
            match TcpStream::connect((ports.host.as_str(), ports.far)).await {
                Ok(stream) => {
                    if let Ok(tunnel) = tunnel::open(&connected, forward::ACCEPT, &accepted).await {
                        tunnel.carry(stream).await;
                    }
                }
                Err(error) => {
                    terminal.warning(format_args!(
                        "no connection to {} here: {error}",
                        ports.target()
                    ));
                    // Taken and dropped, it is closed at once.
                    let _ = tunnel::open(&connected, forward::ACCEPT, &accepted).await;
                }
            }
        });
    }
}
