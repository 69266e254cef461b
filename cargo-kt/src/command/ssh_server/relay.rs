//! Between a client's channels and the service: commands, SFTP, TCP connections.

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

use super::line::{Fed, Output};
use crate::{
    command::{CommandError, ExecError, exec},
    place::Connected,
    terminal::Terminal,
};

/// The status of a command that cannot be run, as ssh has it for its own errors.
const FAILED: u32 = 255;
/// How long the far end of a TCP connection may go on after its client has closed it.
const LINGER: Duration = Duration::from_secs(30);

/// A command's number and the size of its terminal, for requests beside it.
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

    /// Remembers a size, for a command that is yet to start.
    pub(super) fn set_size(&self, size: WindowSize) {
        self.change(|state| state.size = Some(size));
    }

    /// Does something to the command, if it runs.
    pub(super) async fn act(&self, connected: &Connected, action: Action) {
        if let Some(id) = self.change(|_| {}).id {
            // False or an error: it has ended, which its channel is about to tell.
            let _: Result<bool, _> = connected
                .ask(path::COMMAND_CONTROL, &Control { id, action })
                .await;
        }
    }
}

/// What a client wants to run.
pub(super) struct Asked {
    /// `None`: a shell.
    pub(super) line: Option<Vec<u8>>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) keep_alive: bool,
}

/// Runs a command to its end, and says how that was.
pub(super) async fn command(
    connected: &Connected,
    terminal: &Terminal,
    asked: Asked,
    running: &Running,
    input: UnboundedReceiver<Fed>,
    output: &Output,
) {
    let status = match run(connected, terminal, asked, running, input, output).await {
        Ok(status) => status,
        Err(error) => {
            let words = format!("cargo kt: {error}\r\n");
            let _ = output.stderr(words.into()).await;
            FAILED
        }
    };
    output.finish(Some(status)).await;
}

async fn run(
    connected: &Connected,
    terminal: &Terminal,
    asked: Asked,
    running: &Running,
    mut input: UnboundedReceiver<Fed>,
    output: &Output,
) -> Result<u32, CommandError> {
    let size = running.size();
    let start = Start {
        program: exec::program(asked.line.map(OsString::from_vec)),
        directory: None,
        environment: asked.environment,
        terminal: size,
        keep_alive: asked.keep_alive,
    };
    let session = exec::begin(connected, start, terminal).await?;
    let (mut sender, mut events, started) = session.into_parts();
    let now = running.change(|state| state.id = Some(started.id));
    if let Some(later) = now.size.filter(|later| Some(*later) != size) {
        running.act(connected, Action::Resize(later)).await;
    }
    let feeding = async {
        // A command may go on without input. Of one that takes no more, its end follows.
        if !matches!(fed(&mut input, &mut sender).await, Ok(Last::Closed)) {
            closed(&mut input).await;
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

/// The last of what a client sent.
enum Last {
    End,
    Closed,
}

/// Sends what a client sends, and its end.
async fn fed(
    input: &mut UnboundedReceiver<Fed>,
    sender: &mut BodySender,
) -> Result<Last, h2::Error> {
    loop {
        match input.recv().await {
            Some(Fed::Bytes(bytes, _room)) => sender.send(bytes, false).await?,
            Some(Fed::End) => {
                sender.send(Bytes::new(), true).await?;
                return Ok(Last::End);
            }
            Some(Fed::Closed) | None => return Ok(Last::Closed),
        }
    }
}

/// Carries the bytes of SFTP, until the service or the client ends.
pub(super) async fn sftp(
    mut input: UnboundedReceiver<Fed>,
    output: &Output,
    mut sender: BodySender,
    answer: Frames,
) {
    let (first, body) = answer.into_rest();
    let feeding = async {
        // What was asked for before the end is answered.
        if matches!(fed(&mut input, &mut sender).await, Ok(Last::End)) {
            closed(&mut input).await;
        }
    };
    tokio::select! {
        whole = passed(first, body, output) => {
            let status = if whole { 0 } else { FAILED };
            output.finish(Some(status)).await;
        }
        () = feeding => {}
    }
}

/// Passes a body on, and its end. Whether it came to that.
async fn passed(first: Bytes, mut body: Body, output: &Output) -> bool {
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

/// Carries a TCP connection. Each direction has an end of its own.
pub(super) async fn tcp(
    mut input: UnboundedReceiver<Fed>,
    output: Arc<Output>,
    mut sender: BodySender,
    answer: Frames,
) {
    let (first, body) = answer.into_rest();
    let far = Arc::clone(&output);
    let mut passing = tokio::spawn(async move { passed(first, body, &far).await });
    let abort = passing.abort_handle();
    match fed(&mut input, &mut sender).await {
        Ok(Last::End) => {
            tokio::select! {
                _ = &mut passing => {}
                () = closed(&mut input) => drop(timeout(LINGER, passing).await),
            }
        }
        // What was sent before is to arrive: the stream is not reset at once.
        Ok(Last::Closed) => {
            let _ = sender.send(Bytes::new(), true).await;
            let _ = timeout(LINGER, passing).await;
        }
        // The far end takes no more.
        Err(_) => drop(timeout(LINGER, passing).await),
    }
    abort.abort();
    output.finish(None).await;
}

/// Resolves when a client that has sent all wants no more either.
async fn closed(input: &mut UnboundedReceiver<Fed>) {
    while let Some(fed) = input.recv().await {
        if matches!(fed, Fed::Closed) {
            return;
        }
    }
}
