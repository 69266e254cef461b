//! Connections: authentication and dispatch.

use std::{
    fs, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener as StdListener,
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::{Instant, sleep, timeout},
};
use tracing::instrument::WithSubscriber;

use super::{Host, control, tunnel};
use crate::{
    sys::{fd, process},
    wire::{
        PROTOCOL, VERSION, limits,
        preamble::{self, Hello, Purpose, Verdict},
        server::{self, Exchange, Pings},
    },
};

/// Pause after a failed accept: most likely no descriptors are left, and retrying at once would
/// only burn CPU time.
const PAUSE: Duration = Duration::from_millis(100);
/// Limit of unsent bytes in the kernel for a tunnel: every small message queues behind them.
const UNSENT: u32 = 128 << 10;

/// A connection, Unix or TCP, that can be passed to another process.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Removes it from this process's runtime.
    ///
    /// # Errors
    /// If the runtime cannot deregister it.
    fn into_descriptor(self) -> io::Result<OwnedFd>;
}

impl Connection for UnixStream {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        Ok(self.into_std()?.into())
    }
}

impl Connection for TcpStream {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        Ok(self.into_std()?.into())
    }
}

/// Binds the socket, replacing one that a killed host left. The caller holds the service's lock and
/// is single-threaded.
///
/// # Errors
/// As `bind(2)`.
pub fn bind(path: &Path) -> io::Result<StdListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = process::with_umask(0o177, || StdListener::bind(path))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts connections forever, each in its own task.
pub async fn accept(listener: UnixListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&host)));
            }
            Err(error) => {
                tracing::warn!("failed to accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Like [`accept`], for TCP connections: a pod's port is reachable for anyone who can reach the
/// pod, so these connections must send the token.
pub async fn accept_forwarded(listener: TcpListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse_forwarded(stream, Arc::clone(&host)));
            }
            Err(error) => {
                tracing::warn!("failed to accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, host: Arc<Host>) {
    let trust = match host.options.pod {
        // The token authenticates TCP connections. In the container the user id suffices, as on a
        // developer's machine.
        Some(_) => Trust::Known,
        None => Trust::Token,
    };
    let done = match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(user) if user == process::user() => welcome(stream, &host, trust).await,
        Ok(user) => Err(io::Error::other(format!(
            "permission denied for user {user}"
        ))),
        Err(error) => Err(error),
    };
    report(done);
}

/// Serves a TCP connection, accepted or inherited.
pub async fn converse_forwarded(stream: TcpStream, host: Arc<Host>) {
    // Send small messages at once, and buffer in the process what the network does not accept yet:
    // there small messages can overtake large ones.
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| fd::limit_unsent(stream.as_fd(), UNSENT));
    let done = match prepared {
        Ok(()) => welcome(stream, &host, Trust::Token).await,
        Err(error) => Err(error),
    };
    report(done);
}

/// Serves a connection whose peer is already authenticated.
async fn welcome_trusted(stream: UnixStream, host: Arc<Host>) {
    let greeted = async {
        let mut stream = stream;
        let greeted = greet(&mut stream, &host, Trust::Known).await?;
        match greeted {
            Some(hello) => admit(stream, hello.purpose, &host).await,
            None => Ok(()),
        }
    };
    report(greeted.await);
}

fn report(done: io::Result<()>) {
    if let Err(error) = done {
        tracing::info!("a connection failed: {error}");
    }
}

/// How a connection is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// By the host's token, which may be empty.
    Token,
    /// Already authenticated.
    Known,
}

async fn welcome(mut stream: impl Connection, host: &Arc<Host>, trust: Trust) -> io::Result<()> {
    let Some(hello) = greet(&mut stream, host, trust).await? else {
        return Ok(());
    };
    if hello.purpose == Purpose::Tunnel {
        answer(&mut stream, &Verdict::Welcome).await?;
        let welcomed = Arc::clone(host);
        let connected = move |stream| {
            tokio::spawn(welcome_trusted(stream, Arc::clone(&welcomed)));
        };
        return tunnel::serve(stream, host, connected).await;
    }
    admit(stream, hello.purpose, host).await
}

/// Reads a preamble, and answers it if the connection is refused.
async fn greet(
    stream: &mut impl Connection,
    host: &Host,
    trust: Trust,
) -> io::Result<Option<Hello>> {
    let hello = timeout(limits::HANDSHAKE, preamble::receive(stream)).await??;
    let refusal = if hello.protocol != PROTOCOL {
        Verdict::OtherVersion(VERSION.to_owned())
    } else if trust == Trust::Token && !equal(&hello.token, &host.token) {
        Verdict::Forbidden
    } else {
        return Ok(Some(hello));
    };
    tracing::debug!(?refusal, purpose = ?hello.purpose, "connection refused");
    answer(stream, &refusal).await?;
    Ok(None)
}

/// Serves a connection according to its purpose.
async fn admit(mut stream: impl Connection, purpose: Purpose, host: &Arc<Host>) -> io::Result<()> {
    tracing::debug!(?purpose, "connection");
    match purpose {
        Purpose::Control => {
            // Held until the connection closes, so that the host waits for its last answers before
            // it exits.
            let mut stopping = host.stopping();
            answer(&mut stream, &Verdict::Welcome).await?;
            let host = Arc::clone(host);
            let handle = move |exchange| {
                let log = host.log.clone();
                logged(Arc::clone(&host), exchange).with_subscriber(log)
            };
            server::serve_until(stream, stopping.asked(), Pings::Off, handle)
                .await
                .map_err(io::Error::other)
        }
        Purpose::Data => {
            host.lease.touch();
            // A worker may have to be started first.
            timeout(limits::HANDSHAKE, preamble::acknowledge(&mut stream)).await??;
            match host.supervisor.worker().await {
                Ok(worker) => {
                    worker.connect(stream.into_descriptor()?);
                    Ok(())
                }
                Err(why) => answer(&mut stream, &Verdict::NoWorker(why)).await,
            }
        }
        Purpose::Tunnel => Err(io::Error::other("nested tunnel")),
    }
}

/// Answers a request, and logs its path and duration.
async fn logged(host: Arc<Host>, exchange: Exchange) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return control::handle(host, exchange).await;
    }
    let (method, uri) = (exchange.head.method.clone(), exchange.head.uri.clone());
    let started = Instant::now();
    control::handle(host, exchange).await;
    let seconds = started.elapsed().as_secs_f64();
    tracing::debug!(%method, path = uri.path(), seconds, "request");
}

async fn answer(stream: &mut impl Connection, verdict: &Verdict) -> io::Result<()> {
    timeout(limits::HANDSHAKE, preamble::answer(stream, verdict)).await?
}

/// Constant-time comparison.
fn equal(given: &[u8], expected: &[u8]) -> bool {
    let difference = given
        .iter()
        .zip(expected)
        .fold(0, |difference, (one, other)| difference | (one ^ other));
    given.len() == expected.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_equal_only_as_a_whole() {
        assert!(equal(b"", b""));
        assert!(equal(b"secret", b"secret"));
        for other in [&b""[..], b"secre", b"secret ", b"Secret", b"secreT"] {
            assert!(!equal(other, b"secret"));
        }
    }
}
