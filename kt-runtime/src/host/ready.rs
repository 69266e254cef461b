//! What the kubelet asks: `GET /ready` over HTTP/1.1, answered with the truth and nothing else. The port is open to the whole
//! cluster, so a request is small, short and one of few.

use std::{io, net::TcpListener as StdListener, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::Host;

/// Connections at once; the kubelet has one.
const CONNECTIONS: usize = 8;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest request, bytes.
const REQUEST: usize = 4 << 10;
/// Pause after a failed accept: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on all addresses of both families, or of the one that there is.
///
/// # Errors
/// As `bind(2)`.
pub fn bind(port: u16) -> io::Result<StdListener> {
    let listener =
        StdListener::bind(("::", port)).or_else(|_| StdListener::bind(("0.0.0.0", port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers for ever.
pub async fn serve(listener: TcpListener, host: Arc<Host>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Who comes while all are taken waits in the kernel's queue.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A prober that is slow or gone asks again.
                    let _ = timeout(PATIENCE, answer(stream, &host)).await;
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
    let (status, words) = match is_ready(&request) {
        false => ("404 Not Found", "only GET /ready is answered here"),
        true => match host.supervisor.readiness() {
            Ok(()) => ("200 OK", "ready"),
            Err(why) => ("503 Service Unavailable", why),
        },
    };
    let length = words.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{words}\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Whether it is the question; a query or another method makes it another one.
fn is_ready(request: &[u8]) -> bool {
    let mut words = request.split(|&byte| byte == b' ');
    (words.next(), words.next()) == (Some(b"GET"), Some(b"/ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_is_known() {
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
