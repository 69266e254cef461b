//! Relays a command's input and output between its streams and a request.

use std::{
    future::pending, io, os::unix::process::ExitStatusExt, pin::pin, process::ExitStatus,
    sync::Arc, time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rustix::process::Signal;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    process::Child,
    time::{interval, timeout},
};

use super::{Entry, start::Running};
use crate::{
    host::{Host, request::opening},
    wire::{
        command::{End, Event, NotStarted, Program, Start, Started},
        data::Stream as Kind,
        frame,
        http::{Body, BodySender},
        limits,
        server::Answer,
    },
};

/// Bytes to read from a command at once.
const PIECE: usize = 64 << 10;
/// The most bytes that a command leaves in a pipe or a terminal when it exits: pipe(7) allows 1 MiB
/// without privileges.
const LEFT: usize = 1 << 20;
/// How often to check whether a shell runs a command.
const POLL: Duration = Duration::from_secs(5);
/// The key that ends a terminal's input.
const END_OF_INPUT: &[u8] = b"\x04";

/// Runs a command for one request, until the command exits or the request ends.
pub async fn run(host: Arc<Host>, body: Body, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let (start, first, body) = match opening::<Start>(body).await {
        Ok(request) => request,
        Err((status, message)) => return answer.refuse(status, message).await,
    };
    let mut sender = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
    let running = match Running::start(&host, &start) {
        Ok(running) => running,
        Err(refused) => {
            let refused: Result<Started, NotStarted> = Err(refused);
            return sender.send(encoded(&refused), true).await;
        }
    };
    let (mut session, input, started) = Session::of(&host, running);
    sender
        .send(encoded::<Result<_, NotStarted>>(&Ok(started)), false)
        .await?;
    // A shell at its prompt does not count as use of the service; any other running command does.
    let prompts = start.terminal.is_some() && matches!(start.program, Program::Shell(_));
    let _held = (start.keep_alive || !prompts).then(|| host.lease.hold());
    let ended = {
        let mut feeding = pin!(feed(&host, input, first, body));
        let mut serving = pin!(session.serve(&mut sender));
        tokio::select! {
            ended = &mut serving => ended,
            () = &mut feeding => serving.await,
        }
    };
    sender.send(encoded(&Event::Ended(ended?)), true).await
}

/// The destination of a command's input.
struct Input {
    stream: pipe::Sender,
    is_terminal: bool,
}

/// Writes the request's bytes to the command as fast as it reads them, then closes the pipe.
async fn feed(host: &Host, mut input: Input, first: Bytes, mut body: Body) {
    let mut chunk = first;
    loop {
        host.lease.touch();
        if input.stream.write_all(&chunk).await.is_err() {
            break;
        }
        chunk = match body.chunk().await {
            Some(Ok(chunk)) => chunk,
            Some(Err(_)) => return,
            None => {
                if input.is_terminal {
                    // A command that does not read does not need it.
                    let _ = input.stream.write_all(END_OF_INPUT).await;
                }
                return;
            }
        };
    }
    drop(input);
    // The command no longer reads: discard the rest, so that the peer does not block.
    while let Some(Ok(_)) = body.chunk().await {}
}

/// A command that runs for a request. Dropping it early closes its terminal.
struct Session {
    host: Arc<Host>,
    /// Set until the process has been reaped.
    process: Option<(Child, Entry)>,
    output: Pump,
    errors: Pump,
}

impl Session {
    fn of(host: &Arc<Host>, running: Running) -> (Self, Input, Started) {
        let streams = running.streams;
        let input = Input {
            stream: streams.input,
            is_terminal: streams.terminal.is_some(),
        };
        let entry = host.commands.enter(running.pid, streams.terminal);
        let started = Started {
            id: entry.id,
            pid: running.pid,
            program: running.program,
        };
        let session = Self {
            host: Arc::clone(host),
            process: Some((running.child, entry)),
            output: Pump::new(Some(streams.output)),
            errors: Pump::new(streams.errors),
        };
        (session, input, started)
    }

    /// Sends the command's output until the command exits.
    async fn serve(&mut self, sender: &mut BodySender) -> Result<End, h2::Error> {
        let mut stopping = self.host.stopping();
        let mut look = interval(POLL);
        let (child, entry) = match &mut self.process {
            Some(process) => (&mut process.0, &process.1),
            None => return Err(h2::Reason::INTERNAL_ERROR.into()),
        };
        let status = loop {
            let (kind, bytes) = tokio::select! {
                bytes = self.output.next() => (Kind::Stdout, bytes),
                bytes = self.errors.next() => (Kind::Stderr, bytes),
                status = child.wait() => break status,
                () = sender.reset() => return Err(h2::Reason::CANCEL.into()),
                () = stopping.asked() => return Ok(End::ServiceEnded),
                _ = look.tick() => {
                    if entry.handle.runs_a_command() {
                        self.host.lease.touch();
                    }
                    continue;
                }
            };
            self.host.lease.touch();
            send(sender, kind, bytes).await?;
        };
        // The pid can be reused from here on.
        self.process = None;
        for (kind, pump) in [(Kind::Stdout, &self.output), (Kind::Stderr, &self.errors)] {
            // Not until EOF: child processes of the command may still hold the pipe open.
            let mut left = LEFT;
            while let Some(bytes) = pump.now().filter(|bytes| !bytes.is_empty() && left > 0) {
                left = left.saturating_sub(bytes.len());
                send(sender, kind, bytes).await?;
            }
        }
        Ok(end(status))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some((child, entry)) = self.process.take() {
            tokio::spawn(hang_up(child, entry));
        }
    }
}

/// Stops a command whose terminal was closed.
async fn hang_up(mut child: Child, entry: Entry) {
    for signal in [Signal::HUP, Signal::CONT] {
        entry.handle.signal(signal);
    }
    if timeout(limits::HANG_UP, child.wait()).await.is_err() {
        entry.handle.signal(Signal::KILL);
        let _ = child.wait().await;
    }
}

/// Reads a stream until EOF; then `next` waits forever.
struct Pump {
    stream: Option<pipe::Receiver>,
    buffer: Vec<u8>,
}

impl Pump {
    fn new(stream: Option<pipe::Receiver>) -> Self {
        Self {
            stream,
            buffer: vec![0; PIECE],
        }
    }

    async fn next(&mut self) -> Vec<u8> {
        loop {
            let Some(stream) = &mut self.stream else {
                return pending().await;
            };
            match stream.read(&mut self.buffer).await {
                // Reading a terminal fails once no process has it open.
                Ok(0) | Err(_) => self.stream = None,
                Ok(length) => return self.buffer[..length].to_vec(),
            }
        }
    }

    /// The bytes available now; `None` if there are none. Reads directly: the runtime may not have
    /// seen the latest readiness yet.
    fn now(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; PIECE];
        let length = rustix::io::read(self.stream.as_ref()?, &mut buffer[..]).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }
}

async fn send(sender: &mut BodySender, stream: Kind, bytes: Vec<u8>) -> Result<(), h2::Error> {
    sender
        .send(encoded(&Event::Output { stream, bytes }), false)
        .await
}

fn encoded<T: Serialize>(message: &T) -> Bytes {
    // All messages are small, and encoding them cannot fail.
    frame::encode(message, limits::COMMAND)
        .unwrap_or_default()
        .into()
}

fn end(status: io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, Some(signal)) => End::Signal(signal),
            (None, None) => End::Code(1),
        },
        // Other code has reaped the process.
        Err(_) => End::Code(1),
    }
}
