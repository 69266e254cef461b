//! A command that runs next to a worker, connected to the input and output of this process.

use std::{
    ffi::OsStr,
    io::{self, Write},
};

use bytes::Bytes;
use kt::wire::{
    command::{Action, Control, End, Event, NotStarted, Start, Started},
    control::path,
    data::Stream,
    frames::Frames,
    http::BodySender,
};
use tokio::{
    io::AsyncReadExt,
    signal::unix::{Signal, SignalKind, signal},
};

use super::raw;
use crate::{command::CommandError, place::Connected};

/// Bytes per read.
const PIECE: usize = 64 << 10;

/// A running command.
pub(in crate::command) struct Session<'a> {
    connected: &'a Connected,
    input: BodySender,
    events: Frames,
    started: Started,
}

impl<'a> Session<'a> {
    /// Starts a command.
    ///
    /// # Errors
    /// If the service does not answer. The inner error is the service's rejection.
    pub(in crate::command) async fn start(
        connected: &'a Connected,
        start: &Start,
    ) -> Result<Result<Self, NotStarted>, CommandError> {
        let (input, mut events) = connected.converse(path::COMMAND, start).await?;
        let started: Result<Started, NotStarted> = connected.must_next(&mut events).await?;
        Ok(started.map(|started| Self {
            connected,
            input,
            events,
            started,
        }))
    }

    pub(super) fn connected(&self) -> &'a Connected {
        self.connected
    }

    pub(super) fn pid(&self) -> u32 {
        self.started.pid
    }

    pub(super) fn program(&self) -> &OsStr {
        &self.started.program
    }

    /// The command's input, its output and exit events, and its ids, for use with other streams
    /// than this process's own.
    pub(in crate::command) fn into_parts(self) -> (BodySender, Frames, Started) {
        (self.input, self.events, self.started)
    }

    /// Forwards input, output, signals and terminal sizes until the command exits. `keys`: the
    /// local terminal is in raw mode, so its keys are bytes and not signals.
    ///
    /// # Errors
    /// If the connection breaks or the host is unresponsive.
    pub(super) async fn relay(mut self, stdin: bool, keys: bool) -> Result<End, CommandError> {
        let feeding = match stdin {
            true => Some(tokio::spawn(feed(self.input))),
            false => {
                // Closes the input. The events report it if the command exited already.
                let _ = self.input.send(Bytes::new(), true).await;
                None
            }
        };
        let end = relay(self.connected, &mut self.events, self.started.id, keys).await;
        if let Some(feeding) = feeding {
            feeding.abort();
        }
        end
    }
}

async fn relay(
    connected: &Connected,
    events: &mut Frames,
    id: u64,
    keys: bool,
) -> Result<End, CommandError> {
    let mut signals = Signals::new().map_err(|source| CommandError::Io {
        what: "handle signals".into(),
        source,
    })?;
    loop {
        let event = tokio::select! {
            event = connected.must_next(events) => event?,
            action = signals.next(keys) => {
                match action {
                    Some(action) => {
                        // False: it exited already, and an event will report it.
                        let _: bool = connected
                            .ask(path::COMMAND_CONTROL, &Control { id, action })
                            .await?;
                    }
                    // The drop closes the command's terminal.
                    None => return Ok(End::Signal(libc::SIGHUP)),
                }
                continue;
            }
        };
        match event {
            Event::Output { stream, bytes } => {
                if let Err(source) = print(stream, &bytes) {
                    if source.kind() == io::ErrorKind::BrokenPipe {
                        return Ok(End::Signal(libc::SIGPIPE));
                    }
                    let what = "print the output of the command".into();
                    return Err(CommandError::Io { what, source });
                }
            }
            Event::Ended(end) => return Ok(end),
        }
    }
}

fn print(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        }
        Stream::Stderr => io::stderr().lock().write_all(bytes),
    }
}

/// Sends standard input until it ends.
async fn feed(mut input: BodySender) {
    let mut stdin = tokio::io::stdin();
    let mut piece = vec![0; PIECE];
    loop {
        let read = stdin.read(&mut piece).await.unwrap_or(0);
        let bytes = Bytes::copy_from_slice(&piece[..read]);
        if input.send(bytes, read == 0).await.is_err() || read == 0 {
            return;
        }
    }
}

/// Signals that this process receives.
struct Signals {
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
    hang_up: Signal,
    resize: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    /// The action to perform on the command; `None`: disconnect from it.
    async fn next(&mut self, keys: bool) -> Option<Action> {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return Some(Action::Signal(libc::SIGINT)),
                _ = self.quit.recv() => return Some(Action::Signal(libc::SIGQUIT)),
                _ = self.terminate.recv() => match keys {
                    // A shell ignores it.
                    true => return None,
                    false => return Some(Action::Signal(libc::SIGTERM)),
                },
                _ = self.hang_up.recv() => return None,
                _ = self.resize.recv() => {
                    if keys {
                        return Some(Action::Resize(raw::size()));
                    }
                }
            }
        }
    }
}
