//! Connections: who may, and who answers them.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::net::UnixListener as StdListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{UnixListener, UnixStream},
    time::{sleep, timeout},
};

use super::{Host, control};
use crate::{
    sys::process,
    wire::{
        PROTOCOL, VERSION, limits,
        preamble::{self, Purpose, Verdict},
        server,
    },
};

/// Pause after a failed accept: out of descriptors, most likely, and trying at once would only burn time.
const PAUSE: Duration = Duration::from_millis(100);

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

async fn converse(stream: UnixStream, host: Arc<Host>) {
    let done = match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(user) if user == process::user() => welcome(stream, &host).await,
        Ok(user) => Err(io::Error::other(format!("user {user} may not"))),
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        host.journal
            .say(format_args!("a connection failed: {error}"));
    }
}

async fn welcome(mut stream: impl Connection, host: &Arc<Host>) -> io::Result<()> {
    let hello = timeout(limits::HANDSHAKE, preamble::receive(&mut stream)).await??;
    let refusal = if hello.protocol != PROTOCOL {
        Some(Verdict::OtherVersion(VERSION.to_owned()))
    } else if !equal(&hello.token, &host.token) {
        Some(Verdict::Forbidden)
    } else {
        None
    };
    if let Some(verdict) = refusal {
        return answer(&mut stream, &verdict).await;
    }
    match hello.purpose {
        Purpose::Control => {
            // Held until the connection ends, so that the host's own end waits for its last answers.
            let mut stopping = host.stopping();
            answer(&mut stream, &Verdict::Welcome).await?;
            let host = Arc::clone(host);
            let handle = move |exchange| control::handle(Arc::clone(&host), exchange);
            server::serve_until(stream, stopping.asked(), handle)
                .await
                .map_err(io::Error::other)
        }
        Purpose::Data => {
            host.lease.touch();
            match host.supervisor.worker().await {
                Ok(worker) => {
                    answer(&mut stream, &Verdict::Welcome).await?;
                    worker.connect(stream.into_descriptor()?)
                }
                Err(why) => answer(&mut stream, &Verdict::NoWorker(why)).await,
            }
        }
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
