//! Connections through a tunnel: each is one end of a socket pair, handled like an accepted
//! connection, whose other end is coupled to a stream of the tunnel.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

use super::{Host, listen};
use crate::wire::{
    VERSION,
    server::{self, Exchange},
    tunnel,
};

/// Serves an authenticated tunnel until either end closes.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &Arc<Host>,
) -> io::Result<()> {
    // Stops only after the workers, so that the last answers still arrive.
    let mut stopping = host.stopping();
    let handle = |exchange| connect(exchange, Arc::clone(host));
    server::serve_while_alive(stream, stopping.ended(), handle)
        .await
        .map_err(io::Error::other)
}

async fn connect(exchange: Exchange, host: Arc<Host>) {
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
    tokio::spawn(listen::welcome_trusted(near, Arc::clone(&host)));
    if let Ok(sender) = answer.begin(StatusCode::OK, HeaderMap::new(), false) {
        // The peers detect a broken connection themselves.
        let _ = tunnel::couple(far, Bytes::new(), body, sender, || {}).await;
    }
}
