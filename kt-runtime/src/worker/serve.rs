//! Connections of drivers.

use std::{io, os::fd::OwnedFd, sync::Arc};

use http::{HeaderMap, Method, StatusCode};
use tokio::net::UnixStream;

use super::Worker;
use crate::wire::{
    data::{CALL, OUTPUT, Output, Stream, key_of},
    frame, limits,
    server::{self, Answer, Exchange},
};

impl Worker {
    /// Serves a connection that the host has let in.
    pub(super) fn accept(self: Arc<Self>, descriptor: OwnedFd) -> io::Result<()> {
        let stream = std::os::unix::net::UnixStream::from(descriptor);
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        tokio::spawn(async move {
            // A connection that breaks has been reported to its calls already.
            let _ = server::serve(stream, |exchange| self.clone().handle(exchange)).await;
        });
        Ok(())
    }

    async fn handle(self: Arc<Self>, exchange: Exchange) {
        let path = exchange.head.uri.path();
        // A peer that is gone needs no answer.
        let _ = match (
            &exchange.head.method,
            path.strip_prefix(CALL).and_then(key_of),
        ) {
            (&Method::POST, Some(key)) => self.call(&key, exchange).await,
            (&Method::GET, None) if path == OUTPUT => self.stream_output(exchange.answer).await,
            (method, _) => {
                let words = format!("a worker has no {method} {path}");
                exchange.answer.refuse(StatusCode::NOT_FOUND, words).await
            }
        };
    }

    /// Sends what is printed from now on, for as long as somebody takes it.
    async fn stream_output(&self, answer: Answer) -> Result<(), h2::Error> {
        let (position, mut listener) = self.output.listen();
        let mut body = answer.begin(StatusCode::OK, HeaderMap::new(), false)?;
        let output = |stream, position, bytes| Output {
            worker: self.id,
            stream,
            position,
            bytes,
        };
        let frame = |output| frame::encode(&output, limits::CONTROL).unwrap_or_default();
        body.send(
            frame(output(Stream::Stdout, position, Vec::new())).into(),
            false,
        )
        .await?;
        loop {
            let piece = tokio::select! {
                piece = listener.next() => piece,
                () = body.reset() => None,
            };
            let Some(piece) = piece else { return Ok(()) };
            body.send(
                frame(output(piece.stream, piece.position, piece.bytes.to_vec())).into(),
                false,
            )
            .await?;
        }
    }
}
