//! Relays commands, SFTP and TCP connections between a client's channels and the service.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use kt::wire::{
    command::{Action, Control, End, Event, Start, WindowSize},
    control::path,
    data::Stream,
    frames::Frames,
    http::{Body, BodySender},
};
use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

use super::line::{Input, Output};
use crate::{
    command::{CommandError, ExecError, exec},
    place::Connected,
    terminal::Terminal,
};

/// The exit status of a command that cannot be run; ssh uses it for its own errors.
const FAILED: u32 = 255;
/// How long the peer of a TCP connection may continue after the client closed it.
const LINGER: Duration = Duration::from_secs(30);

/// A command's id and terminal size, for concurrent requests.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    id: Option<u64>,
    size: Option<WindowSize>,
}

impl Running {
    fn change(&self, change: impl FnOnce(&mut State)) -> State {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        *state
    }

    pub(super) fn size(&self) -> Option<WindowSize> {
        self.change(|_| {}).size
    }

    /// Stores a size for a command that has not started yet.
    pub(super) fn set_size(&self, size: WindowSize) {
        self.change(|state| state.size = Some(size));
    }

    /// Performs an action on the command, if it is running.
    pub(super) async fn act(&self, connected: &Connected, action: Action) {
        if let Some(id) = self.change(|_| {}).id {
            // False or an error: it exited, and its channel will report that.
            let _: Result<bool, _> = connected
                .ask(path::COMMAND_CONTROL, &Control { id, action })
                .await;
        }
    }
}

/// A client's request to run a command.
pub(super) struct CommandRequest {
    /// `None`: a shell.
    pub(super) line: Option<Vec<u8>>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) keep_alive: bool,
}

/// Runs a command to completion and sends its exit status.
pub(super) async fn command(
    connected: &Connected,
    terminal: &Terminal,
    request: CommandRequest,
    running: &Running,
    input: UnboundedReceiver<Input>,
    output: &Output,
) {
    let status = match run(connected, terminal, request, running, input, output).await {
        Ok(status) => status,
        Err(error) => {
            let message = format!("cargo kt: {error}\r\n");
            let _ = output.stderr(message.into()).await;
            FAILED
        }
    };
    output.finish(Some(status)).await;
}

async fn run(
    connected: &Connected,
    terminal: &Terminal,
    request: CommandRequest,
    running: &Running,
    mut input: UnboundedReceiver<Input>,
    output: &Output,
) -> Result<u32, CommandError> {
    let size = running.size();
    let start = Start {
        program: exec::program(request.line.map(OsString::from_vec)),
        directory: None,
        environment: request.environment,
        terminal: size,
        keep_alive: request.keep_alive,
    };
    let session = exec::begin(connected, start, terminal).await?;
    let (mut sender, mut events, started) = session.into_parts();
    let now = running.change(|state| state.id = Some(started.id));
    if let Some(later) = now.size.filter(|later| Some(*later) != size) {
        running.act(connected, Action::Resize(later)).await;
    }
    let feeding = async {
        // A command may continue without input. If it stopped reading because it exited, its exit
        // event follows.
        if !matches!(send_input(&mut input, &mut sender).await, Ok(Last::Closed)) {
            wait_closed(&mut input).await;
        }
    };
    let printing = print(connected, &mut events, output);
    tokio::select! {
        status = printing => status,
        () = feeding => Ok(FAILED),
    }
}

async fn print(
    connected: &Connected,
    events: &mut Frames,
    output: &Output,
) -> Result<u32, CommandError> {
    loop {
        let event = connected.must_next(events).await?;
        let printed = match event {
            Event::Output { stream, bytes } => match stream {
                Stream::Stdout => output.stdout(bytes.into()).await,
                Stream::Stderr => output.stderr(bytes.into()).await,
            },
            Event::Ended(End::Code(code)) => return Ok((code & 0xff).cast_unsigned()),
            Event::Ended(End::Signal(signal)) => return Ok((128 + signal).cast_unsigned()),
            Event::Ended(End::ServiceEnded) => {
                let service = connected.service.clone();
                return Err(ExecError::ServiceEnded { service }.into());
            }
        };
        if printed.is_err() {
            return Ok(FAILED);
        }
    }
}

/// The last message of a client.
enum Last {
    End,
    Closed,
}

/// Forwards a client's input until its end.
async fn send_input(
    input: &mut UnboundedReceiver<Input>,
    sender: &mut BodySender,
) -> Result<Last, h2::Error> {
    loop {
        match input.recv().await {
            Some(Input::Bytes(bytes, _permit)) => sender.send(bytes, false).await?,
            Some(Input::End) => {
                sender.send(Bytes::new(), true).await?;
                return Ok(Last::End);
            }
            Some(Input::Closed) | None => return Ok(Last::Closed),
        }
    }
}

/// Relays SFTP until the service or the client closes it.
pub(super) async fn sftp(
    mut input: UnboundedReceiver<Input>,
    output: &Output,
    mut sender: BodySender,
    answer: Frames,
) {
    let (first, body) = answer.into_rest();
    let feeding = async {
        // Requests sent before the end are still answered.
        if matches!(send_input(&mut input, &mut sender).await, Ok(Last::End)) {
            wait_closed(&mut input).await;
        }
    };
    tokio::select! {
        whole = forward_body(first, body, output) => {
            let status = if whole { 0 } else { FAILED };
            output.finish(Some(status)).await;
        }
        () = feeding => {}
    }
}

/// Forwards a body. Returns whether it was complete.
async fn forward_body(first: Bytes, mut body: Body, output: &Output) -> bool {
    if output.stdout(first).await.is_err() {
        return false;
    }
    while let Some(chunk) = body.chunk().await {
        let Ok(chunk) = chunk else { return false };
        if output.stdout(chunk).await.is_err() {
            return false;
        }
    }
    output.end().await;
    true
}

/// Relays a TCP connection. The directions close independently.
pub(super) async fn tcp(
    mut input: UnboundedReceiver<Input>,
    output: Arc<Output>,
    mut sender: BodySender,
    answer: Frames,
) {
    let (first, body) = answer.into_rest();
    let body_output = Arc::clone(&output);
    let mut forwarding = tokio::spawn(async move { forward_body(first, body, &body_output).await });
    let abort = forwarding.abort_handle();
    match send_input(&mut input, &mut sender).await {
        Ok(Last::End) => {
            tokio::select! {
                _ = &mut forwarding => {}
                () = wait_closed(&mut input) => drop(timeout(LINGER, forwarding).await),
            }
        }
        // Bytes sent before must still arrive, so the stream is not reset immediately.
        Ok(Last::Closed) => {
            let _ = sender.send(Bytes::new(), true).await;
            let _ = timeout(LINGER, forwarding).await;
        }
        // The peer accepts no more input.
        Err(_) => drop(timeout(LINGER, forwarding).await),
    }
    abort.abort();
    output.finish(None).await;
}

/// Resolves when a client that sent its last input closes the channel.
async fn wait_closed(input: &mut UnboundedReceiver<Input>) {
    while let Some(message) = input.recv().await {
        if matches!(message, Input::Closed) {
            return;
        }
    }
}
