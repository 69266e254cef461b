//! The server end of an HTTP/2 connection.

#[cfg(test)]
mod tests;

use std::{
    future::{self, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    Ping, PingPong,
    server::{self, SendResponse},
};
use http::{HeaderMap, Response, StatusCode, request::Parts};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};

use super::{
    http::{Body, BodySender, CALLS, CHUNK, CONNECTION_WINDOW, CONTROL_STREAMS, STREAM_WINDOW},
    limits,
};
use crate::codec;
use crate::quiet::Quiet;

/// One request, and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Boxed because futures hold it in more than one place, and each call's task is moved.
    pub head: Box<Parts>,
    pub body: Body,
    pub answer: Answer,
}

/// Answers one request. Dropping it unused resets the stream.
#[derive(Debug)]
pub struct Answer(SendResponse<Bytes>);

impl Answer {
    /// Answers with a status, headers and a whole body.
    ///
    /// # Errors
    /// If the connection is closed or the peer has reset the stream.
    pub async fn send(
        self,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), h2::Error> {
        let end = body.is_empty();
        let mut sender = self.begin(status, headers, end)?;
        if end {
            Ok(())
        } else {
            sender.send(body, true).await
        }
    }

    /// Whether [`send_at_once`](Self::send_at_once) takes a body of this length.
    pub fn fits_at_once(length: usize) -> bool {
        length <= CHUNK
    }

    /// As [`send`](Self::send) without waiting: h2 buffers what exceeds the peer's window. For
    /// bodies that [fit](Self::fits_at_once).
    ///
    /// # Errors
    /// If the connection is closed or the peer has reset the stream.
    pub fn send_at_once(
        self,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), h2::Error> {
        let end = body.is_empty();
        let mut sender = self.begin(status, headers, end)?;
        if end { Ok(()) } else { sender.send_last(body) }
    }

    /// Answers with a status and headers; the body follows.
    ///
    /// # Errors
    /// If the connection is closed or the peer has reset the stream.
    pub fn begin(
        mut self,
        status: StatusCode,
        headers: HeaderMap,
        end: bool,
    ) -> Result<BodySender, h2::Error> {
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        self.0.send_response(response, end).map(BodySender)
    }

    /// Answers with a value.
    ///
    /// # Errors
    /// If the connection is closed or the peer has reset the stream.
    pub async fn value<T: Serialize>(self, value: &T) -> Result<(), h2::Error> {
        match codec::encode(value, limits::CONTROL) {
            Ok(body) => {
                self.send(StatusCode::OK, HeaderMap::new(), body.into())
                    .await
            }
            Err(error) => {
                self.refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("the answer cannot be encoded: {error}"),
                )
                .await
            }
        }
    }

    /// Answers with an error message.
    ///
    /// # Errors
    /// If the connection is closed or the peer has reset the stream.
    pub async fn refuse(self, status: StatusCode, message: String) -> Result<(), h2::Error> {
        self.send(status, HeaderMap::new(), message.into()).await
    }

    /// Resolves when the peer resets the stream or the connection closes: no caller waits for the
    /// answer.
    pub async fn reset(&mut self) {
        let _ = poll_fn(|context| self.0.poll_reset(context)).await;
    }
}

/// Runs a future until it completes or no caller waits for its answer. It is pinned already: an
/// async function that takes a future by value stores it twice, and the future of each call is
/// moved.
pub async fn unless_reset<T>(
    answer: &mut Answer,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    let mut reset = pin!(answer.reset());
    poll_fn(|context| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        reset.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Serves requests until the peer closes the connection, each in its own task.
///
/// # Errors
/// If the connection breaks.
pub async fn serve<S, F, W>(stream: S, handle: F) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Exchange) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    serve_until(stream, future::pending(), Pings::Off, handle).await
}

/// Whether to ping the peer, and to close the connection if no answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pings {
    Off,
    On,
}

/// As [`serve`]. Once `stop` resolves, it accepts no more requests and answers the accepted ones.
///
/// # Errors
/// If the connection breaks, or the peer does not answer a ping.
pub async fn serve_until<S, F, W>(
    stream: S,
    stop: impl Future<Output = ()>,
    pings: Pings,
    handle: F,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Exchange) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    run(stream, ended(stop), CONTROL_STREAMS, pings, handle).await
}

/// Whether a future has completed. Can be polled again afterwards.
fn ended(work: impl Future<Output = ()>) -> impl FnMut(&mut Context<'_>) -> Poll<()> {
    let mut work = Some(Box::pin(work));
    move |context| {
        if let Some(running) = &mut work {
            ready!(running.as_mut().poll(context));
            work = None;
        }
        Poll::Ready(())
    }
}

/// As [`serve`], for a connection that carries calls, with no practical limit on concurrent
/// requests.
///
/// The connection's task polls `turn` just before the connection: answers that it sends go out with
/// the next write. Once it is ready, the connection accepts no more requests and answers the
/// accepted ones. `turn` is still polled then.
///
/// # Errors
/// If the connection breaks.
pub async fn serve_calls<S, F, W>(
    stream: S,
    turn: impl FnMut(&mut Context<'_>) -> Poll<()>,
    handle: F,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Exchange) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    run(stream, turn, CALLS, Pings::Off, handle).await
}

async fn run<S, F, W>(
    stream: S,
    mut turn: impl FnMut(&mut Context<'_>) -> Poll<()>,
    streams: u32,
    pings: Pings,
    handle: F,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Exchange) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    let mut connection = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(streams)
        // Calls that are dropped in a burst are reset streams. h2 treats more than 20 of them at
        // once as an attack and closes the connection, and with it all other calls. Peers are
        // trusted here, and `streams` bounds the memory.
        .max_pending_accept_reset_streams(streams as usize)
        .max_local_error_reset_streams(None)
        .max_frame_size(1 << 16)
        .handshake(stream)
        .await?;
    let pings = match pings {
        Pings::On => connection.ping_pong(),
        Pings::Off => None,
    };
    let mut silence = pin!(silence(pings));
    let mut stopping = false;
    poll_fn(|context| {
        if turn(context).is_ready() && !stopping {
            stopping = true;
            connection.graceful_shutdown();
        }
        // Accepts all available requests before the next turn, so that its answers go out together.
        while let Poll::Ready(request) = connection.poll_accept(context) {
            let Some(request) = request else {
                return Poll::Ready(Ok(()));
            };
            let (request, respond) = request?;
            let (head, body) = request.into_parts();
            tokio::spawn(Quiet::new(handle(Exchange {
                head: Box::new(head),
                body: Body(body),
                answer: Answer(respond),
            })));
        }
        // After the connection: an answer that arrived while this process was suspended is read
        // first.
        let silent = silence.as_mut().poll(context);
        silent.map(|()| Err(h2::Reason::SETTINGS_TIMEOUT.into()))
    })
    .await
}

/// Resolves once the peer does not answer a ping in time: a peer that was cut off does not close
/// the connection. HTTP/2's pings (RFC 9113, 6.7) distinguish it from a busy one. The connection
/// must be polled meanwhile.
async fn silence(pings: Option<PingPong>) {
    let Some(mut pings) = pings else {
        return future::pending().await;
    };
    while let Ok(pong) = timeout(limits::PING, pings.ping(Ping::opaque())).await {
        if pong.is_err() {
            // The connection has ended, which its users report.
            future::pending::<()>().await;
        }
        sleep(limits::PING_PAUSE).await;
    }
}
