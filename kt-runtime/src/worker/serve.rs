//! Connections of drivers.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Context,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::{net::UnixStream, time};

use super::{Worker, backlog::Piece, outbox::Outbox};
use crate::{
    quiet::Quiet,
    wire::{
        data::{CALL, OUTPUT, Output, Stream, WORKER},
        frame, limits,
        preamble::{self, Verdict},
        server::{self, Answer, Exchange},
    },
};

/// A connection that the host passes over.
pub(super) fn taken(descriptor: OwnedFd) -> io::Result<UnixStream> {
    let stream = std::os::unix::net::UnixStream::from(descriptor);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Counts of open connections, and of those that stream output: these stay open until the worker
/// exits.
#[derive(Default)]
pub(super) struct Connections {
    open: AtomicUsize,
    listening: AtomicUsize,
}

impl Connections {
    /// Whether every answer has been written, and all drivers know that this worker is about to
    /// exit.
    pub(super) fn are_closed(&self) -> bool {
        // In this order: a connection counts as listening only for a part of the time that it is
        // open.
        let listening = self.listening.load(Ordering::Acquire);
        self.open.load(Ordering::Acquire) <= listening
    }
}

/// Counts a connection that is open.
struct Open(Arc<Worker>);

impl Open {
    fn of(worker: &Arc<Worker>) -> Self {
        worker.connections.open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(worker))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts a connection whose driver reads the output.
struct Listening<'a>(&'a Worker);

impl<'a> Listening<'a> {
    fn of(worker: &'a Worker) -> Self {
        worker.connections.listening.fetch_add(1, Ordering::AcqRel);
        Self(worker)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.connections.listening.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Worker {
    /// Serves a connection that the host has admitted.
    pub(super) fn serve(self: Arc<Self>, mut stream: UnixStream) {
        let open = Open::of(&self);
        tokio::spawn(Quiet::new(async move {
            let welcome = preamble::answer(&mut stream, &Verdict::Welcome);
            if !matches!(time::timeout(limits::HANDSHAKE, welcome).await, Ok(Ok(()))) {
                return;
            }
            // Ignored: the calls of a broken connection have already received the error.
            let _open = open;
            let (outbox, mut deliveries) = Outbox::new(self.clone());
            let handle = |exchange| self.clone().handle(exchange, outbox.clone());
            let turn = |context: &mut Context<'_>| deliveries.poll(context);
            let _ = server::serve_calls(stream, turn, handle).await;
        }));
    }

    async fn handle(self: Arc<Self>, exchange: Exchange, outbox: Outbox) {
        // Ignore a disconnected peer.
        let _ = match (&exchange.head.method, exchange.head.uri.path()) {
            (&Method::POST, CALL) => self.call(exchange, outbox).await,
            // Boxed: unboxed they would enlarge every call's task.
            (&Method::POST, WORKER) => Box::pin(exchange.answer.value(&self.id)).await,
            (&Method::GET, OUTPUT) => Box::pin(self.stream_output(exchange.answer)).await,
            (method, path) => {
                let message = format!("a worker has no {method} {path}");
                let answer = exchange.answer.refuse(StatusCode::NOT_FOUND, message);
                Box::pin(answer).await
            }
        };
    }

    /// Sends output from now on, until the driver disconnects.
    async fn stream_output(&self, answer: Answer) -> Result<(), h2::Error> {
        let _listening = Listening::of(self);
        let (position, logged, mut listener) = self.output.listen();
        let mut body = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
        let mut piece = Piece {
            stream: Stream::Stdout,
            position,
            logged,
            bytes: Bytes::new(),
            breakpoint: None,
        };
        loop {
            let output = Output {
                worker: self.id,
                stream: piece.stream,
                position: piece.position,
                logged: piece.logged,
                bytes: piece.bytes.to_vec(),
                breakpoint: piece.breakpoint.as_deref().cloned(),
            };
            let frame = frame::encode(&output, limits::CONTROL).unwrap_or_default();
            body.send(frame.into(), false).await?;
            piece = tokio::select! {
                piece = listener.next() => piece,
                () = body.reset() => return Ok(()),
            };
        }
    }
}
