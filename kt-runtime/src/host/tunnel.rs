//! Connections through a tunnel: each is one end of a socket pair, handled like an accepted
//! connection, whose other end is coupled to a stream of the tunnel.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

use super::Host;
use crate::wire::{
    VERSION,
    server::{self, Exchange, Pings},
    tunnel,
};

/// Serves an authenticated tunnel until either end closes. `connected` receives each connection
/// that comes through it.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &Host,
    connected: impl Fn(UnixStream) + Clone + Send + 'static,
) -> io::Result<()> {
    // Stops only after the workers, so that the last answers still arrive.
    let mut stopping = host.stopping();
    let handle = |exchange| connect(exchange, connected.clone());
    server::serve_until(stream, stopping.ended(), Pings::On, handle)
        .await
        .map_err(io::Error::other)
}

async fn connect(exchange: Exchange, connected: impl Fn(UnixStream)) {
    let Exchange { head, body, answer } = exchange;
    if (&head.method, head.uri.path()) != (&Method::POST, tunnel::CONNECT) {
        let message = format!(
            "the tunnel of kt {VERSION} does not support {} {}",
            head.method, head.uri
        );
        // Ignore a client that resets its request.
        let _ = answer.refuse(StatusCode::NOT_FOUND, message).await;
        return;
    }
    let (near, far) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => {
            let message = format!("failed to create a connection: {error}");
            let _ = answer
                .refuse(StatusCode::SERVICE_UNAVAILABLE, message)
                .await;
            return;
        }
    };
    connected(near);
    if let Ok(sender) = answer.begin(StatusCode::OK, HeaderMap::new(), false) {
        // The peers detect a broken connection themselves.
        let _ = tunnel::couple(far, Bytes::new(), body, sender, || {}).await;
    }
}
