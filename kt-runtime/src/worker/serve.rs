//! Connections of drivers.

use std::{io, os::fd::OwnedFd, sync::Arc};

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

impl Worker {
    /// Serves a connection that the host has let in.
    pub(super) fn serve(self: Arc<Self>, mut stream: UnixStream) {
        tokio::spawn(Quiet::new(async move {
            let welcome = preamble::answer(&mut stream, &Verdict::Welcome);
            if !matches!(time::timeout(limits::HANDSHAKE, welcome).await, Ok(Ok(()))) {
                return;
            }
            // A connection that breaks has been reported to its calls already.
            let (outbox, deliveries) = Outbox::new(self.clone());
            let handle = |exchange| self.clone().handle(exchange, outbox.clone());
            let _ = server::serve_calls(stream, deliveries.run(), handle).await;
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
        let (position, logged, mut listener) = self.output.listen();
        let mut body = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
        let mut piece = Piece {
            stream: Stream::Stdout,
            position,
            logged,
            bytes: Bytes::new(),
        };
        loop {
            let output = Output {
                worker: self.id,
                stream: piece.stream,
                position: piece.position,
                logged: piece.logged,
                bytes: piece.bytes.to_vec(),
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
