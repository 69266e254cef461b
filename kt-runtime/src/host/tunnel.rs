//! Connections that come through a tunnel: each is one end of a socket pair, welcomed like an accepted one, whose other end is
//! coupled with a stream of the tunnel.

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

/// Serves a tunnel whose client has shown the token, until either end is gone. `connected` takes each
/// connection that comes through it.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &Host,
    connected: impl Fn(UnixStream) + Clone + Send + 'static,
) -> io::Result<()> {
    // Only at the end of the workers, so that the last answers still get through.
    let mut stopping = host.stopping();
    let handle = |exchange| connect(exchange, connected.clone());
    server::serve_until(stream, stopping.ended(), Pings::On, handle)
        .await
        .map_err(io::Error::other)
}

async fn connect(exchange: Exchange, connected: impl Fn(UnixStream)) {
    let Exchange { head, body, answer } = exchange;
    if (&head.method, head.uri.path()) != (&Method::POST, tunnel::CONNECT) {
        let words = format!(
            "the tunnel of kt {VERSION} knows no {} {}",
            head.method, head.uri
        );
        // Who resets a request does not want the answer.
        let _ = answer.refuse(StatusCode::NOT_FOUND, words).await;
        return;
    }
    let (near, far) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => {
            let words = format!("no connection can be made: {error}");
            let _ = answer.refuse(StatusCode::SERVICE_UNAVAILABLE, words).await;
            return;
        }
    };
    connected(near);
    if let Ok(sender) = answer.begin(StatusCode::OK, HeaderMap::new(), false) {
        // A connection that breaks is reported to who uses it.
        let _ = tunnel::couple(far, Bytes::new(), body, sender, || {}).await;
    }
}
