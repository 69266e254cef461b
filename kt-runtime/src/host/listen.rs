//! Connections: who may, and who answers them.

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
    time::{sleep, timeout},
};

use super::{Host, control, tunnel};
use crate::{
    sys::{fd, process},
    wire::{
        PROTOCOL, VERSION, limits,
        preamble::{self, Hello, Purpose, Verdict},
        server::{self, Pings},
    },
};

/// Pause after a failed accept: out of descriptors, most likely, and trying at once would only burn time.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes that the kernel may hold for a tunnel and has not sent: they are in the way of every small message that comes later.
const UNSENT: u32 = 128 << 10;

/// A connection that can be handed to another process. TCP's is one too.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Takes it out of this process's runtime.
    ///
    /// # Errors
    /// If the runtime does not let go of it.
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

/// Binds the socket, in the place of one that a killed host left. The caller holds the service's lock and is
/// single-threaded.
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

/// Takes connections for ever, each in a task of its own.
pub async fn accept(listener: UnixListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&host)));
            }
            Err(error) => {
                host.journal
                    .say(format_args!("failed to accept a connection: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

/// As [`accept`], for connections from elsewhere: a pod's port is forwarded to whoever may reach the pod, so they show the
/// token.
pub async fn accept_forwarded(listener: TcpListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse_forwarded(stream, Arc::clone(&host)));
            }
            Err(error) => {
                host.journal
                    .say(format_args!("failed to accept a connection: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, host: Arc<Host>) {
    let trust = match host.options.pod {
        // The token is for those who come from elsewhere; in the container the user decides, as on a developer's machine.
        Some(_) => Trust::Known,
        None => Trust::Token,
    };
    let done = match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(user) if user == process::user() => welcome(stream, &host, trust).await,
        Ok(user) => Err(io::Error::other(format!("user {user} may not"))),
        Err(error) => Err(error),
    };
    report(done, &host);
}

/// Has a conversation over TCP, as accepted or as inherited.
pub async fn converse_forwarded(stream: TcpStream, host: Arc<Host>) {
    // Small messages go out at once, and what the network does not take yet stays where small ones can overtake it.
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| fd::limit_unsent(stream.as_fd(), UNSENT));
    let done = match prepared {
        Ok(()) => welcome(stream, &host, Trust::Token).await,
        Err(error) => Err(error),
    };
    report(done, &host);
}

/// Welcomes a connection whose other end has shown already who it is.
async fn welcome_trusted(stream: UnixStream, host: Arc<Host>) {
    let greeted = async {
        let mut stream = stream;
        let greeted = greet(&mut stream, &host, Trust::Known).await?;
        match greeted {
            Some(hello) => admit(stream, hello.purpose, &host).await,
            None => Ok(()),
        }
    };
    report(greeted.await, &host);
}

fn report(done: io::Result<()>, host: &Host) {
    if let Err(error) = done {
        host.journal
            .say(format_args!("a connection failed: {error}"));
    }
}

/// What lets a connection in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The host's token, which may be empty.
    Token,
    /// What is known of the peer already.
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
    answer(stream, &refusal).await?;
    Ok(None)
}

/// Does what a connection is for.
async fn admit(mut stream: impl Connection, purpose: Purpose, host: &Arc<Host>) -> io::Result<()> {
    match purpose {
        Purpose::Control => {
            // Held until the connection ends, so that the host's own end waits for its last answers.
            let mut stopping = host.stopping();
            answer(&mut stream, &Verdict::Welcome).await?;
            let host = Arc::clone(host);
            let handle = move |exchange| control::handle(Arc::clone(&host), exchange);
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
        Purpose::Tunnel => Err(io::Error::other("a tunnel in a tunnel")),
    }
}

async fn answer(stream: &mut impl Connection, verdict: &Verdict) -> io::Result<()> {
    timeout(limits::HANDSHAKE, preamble::answer(stream, verdict)).await?
}

/// Compares in a time that tells nothing about where the two differ.
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
    fn tokens_are_equal_only_if_all_of_them_is() {
        assert!(equal(b"", b""));
        assert!(equal(b"secret", b"secret"));
        for other in [&b""[..], b"secre", b"secret ", b"Secret", b"secreT"] {
            assert!(!equal(other, b"secret"));
        }
    }
}
