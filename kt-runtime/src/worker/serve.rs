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

/// A connection that the host hands over.
pub(super) fn taken(descriptor: OwnedFd) -> io::Result<UnixStream> {
    let stream = std::os::unix::net::UnixStream::from(descriptor);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// The connections that are open, and those among them that are for output: these end with the worker.
#[derive(Default)]
pub(super) struct Connections {
    open: AtomicUsize,
    listening: AtomicUsize,
}

impl Connections {
    /// Whether every answer has been written, and everybody who calls knows that this worker is about to end.
    pub(super) fn are_closed(&self) -> bool {
        // A connection listens for a part of the time that it is open: counted in this order, never for more.
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

/// Counts a connection whose driver listens for output.
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
    /// Serves a connection that the host has let in.
    pub(super) fn serve(self: Arc<Self>, mut stream: UnixStream) {
        let open = Open::of(&self);
        tokio::spawn(Quiet::new(async move {
            let welcome = preamble::answer(&mut stream, &Verdict::Welcome);
            if !matches!(time::timeout(limits::HANDSHAKE, welcome).await, Ok(Ok(()))) {
                return;
            }
            // A connection that breaks has been reported to its calls already.
            let _open = open;
            let (outbox, mut deliveries) = Outbox::new(self.clone());
            let handle = |exchange| self.clone().handle(exchange, outbox.clone());
            let turn = |context: &mut Context<'_>| deliveries.poll(context);
            let _ = server::serve_calls(stream, turn, handle).await;
        }));
    }

    async fn handle(self: Arc<Self>, exchange: Exchange, outbox: Outbox) {
        // A peer that is gone needs no answer.
        let _ = match (&exchange.head.method, exchange.head.uri.path()) {
            (&Method::POST, CALL) => self.call(exchange, outbox).await,
            // Boxed: they would make every call's task larger.
            (&Method::POST, WORKER) => Box::pin(exchange.answer.value(&self.id)).await,
            (&Method::GET, OUTPUT) => Box::pin(self.stream_output(exchange.answer)).await,
            (method, path) => {
                let words = format!("a worker has no {method} {path}");
                let answer = exchange.answer.refuse(StatusCode::NOT_FOUND, words);
                Box::pin(answer).await
            }
        };
    }

    /// Sends what is printed from now on, for as long as somebody takes it.
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
