//! The kubelet's readiness probe: `GET /ready` over HTTP/1.1. The port is open to the whole
//! cluster, so the size, duration and number of requests are limited.

use std::{io, net::TcpListener as StdListener, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::Host;

/// Limit of concurrent connections; the kubelet uses one.
const CONNECTIONS: usize = 8;
/// Time limit of one connection.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Limit of a request in bytes.
const REQUEST: usize = 4 << 10;
/// Pause after a failed accept: most likely no descriptors are left.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on all addresses of both families, or of the one that is available.
///
/// # Errors
/// As `bind(2)`.
pub fn bind(port: u16) -> io::Result<StdListener> {
    let listener =
        StdListener::bind(("::", port)).or_else(|_| StdListener::bind(("0.0.0.0", port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers forever.
pub async fn serve(listener: TcpListener, host: Arc<Host>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Further connections wait in the kernel's queue.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A slow or disconnected prober retries.
                    let _ = timeout(TIMEOUT, answer(stream, &host)).await;
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn answer(mut stream: TcpStream, host: &Host) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() >= REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, message) = match is_ready(&request) {
        false => ("404 Not Found", "only GET /ready is supported"),
        true => match host.supervisor.readiness() {
            Ok(()) => ("200 OK", "ready"),
            Err(why) => ("503 Service Unavailable", why),
        },
    };
    let length = message.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{message}\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Whether the request is exactly `GET /ready`, without a query.
fn is_ready(request: &[u8]) -> bool {
    let mut parts = request.split(|&byte| byte == b' ');
    (parts.next(), parts.next()) == (Some(b"GET"), Some(b"/ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_get_ready_is_supported() {
        assert!(is_ready(b"GET /ready HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n"));
        for other in [
            &b"GET / HTTP/1.1"[..],
            b"GET /ready/x HTTP/1.1",
            b"POST /ready HTTP/1.1",
            b"GET",
            b"",
        ] {
            assert!(!is_ready(other));
        }
    }
}
