//! Handles one client: authentication and requests.

use std::{
    collections::HashMap,
    ffi::OsString,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kt::wire::{
    command::{Action, WindowSize},
    files,
    forward::{self, Accepted, Connect},
    frames::Frames,
};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Pty, Sig,
    keys::PublicKey,
    server::{
        Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    },
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{AbortHandle, JoinSet},
};

use super::{
    line::{Input, Line, Output, feed},
    relay::{self, CommandRequest, Running},
};
use crate::{
    command::forward::{listen_in_service, tunnel},
    place::Connected,
    terminal::Terminal,
};

/// Maximum number of variables that a client may set for a command.
const MAX_VARIABLES: usize = 256;
/// Maximum bytes of one variable.
const MAX_VARIABLE_BYTES: usize = 64 << 10;

/// Shared by all clients.
pub(super) struct Shared {
    pub(super) connected: Connected,
    pub(super) terminal: Terminal,
    /// The only key accepted.
    pub(super) key: PublicKey,
    pub(super) keep_alive: bool,
}

pub(super) struct Client {
    shared: Arc<Shared>,
    /// The client's address, for messages. `None`: the client that started this process.
    name: Option<String>,
    authenticated: Arc<AtomicBool>,
    line: Arc<Line>,
    channels: HashMap<ChannelId, Prepared>,
    /// Ports of the service that are forwarded to the client.
    listening: HashMap<u32, AbortHandle>,
    /// Aborted when the connection closes.
    tasks: JoinSet<()>,
}

/// A channel for a command, with the command's environment.
struct Prepared {
    streams: Option<(UnboundedReceiver<Input>, Output)>,
    environment: Vec<(OsString, OsString)>,
    running: Arc<Running>,
}

impl Client {
    /// `authenticated` is set once the client has proved that it has the key.
    pub(super) fn new(
        shared: Arc<Shared>,
        name: Option<String>,
        authenticated: Arc<AtomicBool>,
        line: Arc<Line>,
    ) -> Self {
        Self {
            shared,
            name,
            authenticated,
            line,
            channels: HashMap::new(),
            listening: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    fn allows(&self, key: &PublicKey) -> Auth {
        // Ignores the comment of the key.
        match key.key_data() == self.shared.key.key_data() {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }

    /// Both directions of a channel.
    fn streams(&mut self, channel: Channel<Msg>) -> (UnboundedReceiver<Input>, Output) {
        let (reader, writer) = channel.split();
        let (input, feeding) = feed(reader, Arc::clone(&self.line));
        self.tasks.spawn(feeding);
        (input, Output::new(writer, Arc::clone(&self.line)))
    }

    /// Starts a command in a channel, once.
    fn command(
        &mut self,
        id: ChannelId,
        line: Option<Vec<u8>>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let prepared = self.channels.get_mut(&id);
        let accepted_tunnel = prepared.and_then(|it| Some((it.streams.take()?, it)));
        let Some(((input, output), prepared)) = accepted_tunnel else {
            return session.channel_failure(id);
        };
        let request = CommandRequest {
            line,
            environment: std::mem::take(&mut prepared.environment),
            keep_alive: self.shared.keep_alive,
        };
        let (shared, running) = (Arc::clone(&self.shared), Arc::clone(&prepared.running));
        session.channel_success(id)?;
        self.tasks.spawn(async move {
            let Shared {
                connected,
                terminal,
                ..
            } = &*shared;
            relay::command(connected, terminal, request, &running, input, &output).await;
        });
        Ok(())
    }

    /// Performs an action on a channel's command.
    fn act(&mut self, id: ChannelId, action: Action) {
        if let Some(prepared) = self.channels.get(&id) {
            let (shared, running) = (Arc::clone(&self.shared), Arc::clone(&prepared.running));
            self.tasks
                .spawn(async move { running.act(&shared.connected, action).await });
        }
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.allows(offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.allows(key.public_key))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.authenticated.store(true, Ordering::Relaxed);
        if let Some(name) = &self.name {
            self.shared
                .terminal
                .status("Connected", format_args!("a client from {name}"));
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        // Removes finished tasks from the set.
        while self.tasks.try_join_next().is_some() {}
        let id = channel.id();
        let streams = Some(self.streams(channel));
        let prepared = Prepared {
            streams,
            environment: Vec::new(),
            running: Arc::default(),
        };
        self.channels.insert(id, prepared);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.channels.get_mut(&id) {
            Some(prepared)
                if prepared.environment.len() < MAX_VARIABLES
                    && name.len() + value.len() <= MAX_VARIABLE_BYTES
                    && !name.is_empty()
                    && !name.contains(['=', '\0'])
                    && !value.contains('\0') =>
            {
                prepared.environment.push((name.into(), value.into()));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.channels.get_mut(&id) {
            Some(prepared) if !term.contains('\0') => {
                prepared.environment.push(("TERM".into(), term.into()));
                prepared.running.set_size(size(columns, rows));
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let size = size(columns, rows);
        if let Some(prepared) = self.channels.get(&id)
            && prepared.running.size().is_some()
        {
            prepared.running.set_size(size);
            self.act(id, Action::Resize(size));
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        id: ChannelId,
        signal: Sig,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(number) = number(&signal) {
            self.act(id, Action::Signal(number));
        }
        Ok(())
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.command(id, None, session)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.command(id, Some(line.to_vec()), session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let prepared = self.channels.get_mut(&id).filter(|_| name == "sftp");
        let Some((input, output)) = prepared.and_then(|it| it.streams.take()) else {
            return session.channel_failure(id);
        };
        let shared = Arc::clone(&self.shared);
        let handle = session.handle();
        self.tasks.spawn(async move {
            match shared.connected.converse(files::SFTP, &()).await {
                Ok((sender, answer)) => {
                    let _ = handle.channel_success(id).await;
                    relay::sftp(input, &output, sender, answer).await;
                }
                Err(error) => {
                    shared
                        .terminal
                        .warning(format_args!("failed to start SFTP: {error}"));
                    let _ = handle.channel_failure(id).await;
                }
            }
        });
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let Ok(port) = u16::try_from(port) else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        let host = host.to_owned();
        let (input, output) = self.streams(channel);
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            let to = Connect { host, port };
            match tunnel::open(&shared.connected, forward::CONNECT, &to).await {
                Ok(tunnel) => {
                    reply.accept().await;
                    let (sender, answer) = tunnel.into_parts();
                    relay::tcp(input, Arc::new(output), sender, answer).await;
                }
                Err(why) => {
                    let Connect { host, port } = to;
                    let service = &shared.connected.service;
                    shared.terminal.warning(format_args!(
                        "failed to connect to {host}:{port} of {service}: {why}"
                    ));
                    reply.reject(ChannelOpenFailure::ConnectFailed).await;
                }
            }
        });
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        // The service listens on its loopback only.
        let loopback = ["", "localhost", "127.0.0.1"].contains(&address);
        let Some(request) = u16::try_from(*port).ok().filter(|_| loopback) else {
            return Ok(false);
        };
        match listen_in_service(&self.shared.connected, request).await {
            Ok((listening, events)) => {
                *port = listening.port.into();
                let forwarding = forward_to_client(
                    Arc::clone(&self.shared),
                    Arc::clone(&self.line),
                    session.handle(),
                    (address.to_owned(), *port),
                    events,
                );
                let forwarding = self.tasks.spawn(forwarding);
                self.listening.insert(*port, forwarding);
                Ok(true)
            }
            Err(error) => {
                self.shared.terminal.warning(&error);
                Ok(false)
            }
        }
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let listening = self.listening.remove(&port);
        Ok(listening.map(|listening| listening.abort()).is_some())
    }
}

/// Forwards each connection to the service's port to the client.
async fn forward_to_client(
    shared: Arc<Shared>,
    line: Arc<Line>,
    handle: Handle,
    at: (String, u32),
    mut events: Frames,
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
        let (shared, line) = (Arc::clone(&shared), Arc::clone(&line));
        let (handle, (address, port)) = (handle.clone(), at.clone());
        connections.spawn(async move {
            let opened = handle
                .channel_open_forwarded_tcpip(address, port, "127.0.0.1", 0)
                .await;
            let accepted_tunnel = tunnel::open(&shared.connected, forward::ACCEPT, &accepted).await;
            // Accepting and dropping it closes it immediately.
            if let (Ok(channel), Ok(tunnel)) = (opened, accepted_tunnel) {
                let (reader, writer) = channel.split();
                let (input, feeding) = feed(reader, Arc::clone(&line));
                let (sender, answer) = tunnel.into_parts();
                let output = Arc::new(Output::new(writer, line));
                tokio::join!(feeding, relay::tcp(input, output, sender, answer));
            }
        });
    }
}

fn size(columns: u32, rows: u32) -> WindowSize {
    let clamp = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    WindowSize {
        columns: clamp(columns),
        rows: clamp(rows),
    }
}

fn number(signal: &Sig) -> Option<i32> {
    Some(match signal {
        Sig::ABRT => libc::SIGABRT,
        Sig::ALRM => libc::SIGALRM,
        Sig::FPE => libc::SIGFPE,
        Sig::HUP => libc::SIGHUP,
        Sig::ILL => libc::SIGILL,
        Sig::INT => libc::SIGINT,
        Sig::KILL => libc::SIGKILL,
        Sig::PIPE => libc::SIGPIPE,
        Sig::QUIT => libc::SIGQUIT,
        Sig::SEGV => libc::SIGSEGV,
        Sig::TERM => libc::SIGTERM,
        Sig::USR1 => libc::SIGUSR1,
        Sig::Custom(_) => return None,
    })
}
