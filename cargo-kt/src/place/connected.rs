//! A control connection to a service, over a Unix socket or any other stream, and its requests.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Response;
use kt::host::Expired;
use kt::{
    codec,
    wire::{
        VERSION,
        client::{self, Client, RequestError},
        control::{SetTtl, Status, path},
        frame,
        frames::{Frames, FramesError},
        http::{Body, BodySender},
        limits,
        preamble::{self, Purpose, Verdict},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    task::AbortHandle,
    time::timeout,
};

use super::{PlaceError, PlaceName, keep_alive::KeepAlive};
use crate::ship::Transport;

/// Timeout of a request that needs no work. The host asks its worker first.
const ANSWER: Duration = limits::HANDSHAKE.saturating_add(limits::STATUS);

/// A control connection to a service.
#[derive(Debug, Clone)]
pub struct Connected {
    pub service: String,
    pub place: PlaceName,
    /// The service's socket; empty if the connection is not over a socket.
    pub socket: PathBuf,
    pub client: Client,
    /// The service's status when the connection was opened.
    pub status: Status,
    /// Whether this process started the service.
    pub started: bool,
    /// How the previous service of this name stopped, if it stopped on its own.
    pub expired: Option<Expired>,
    pub(super) keep_alive: KeepAlive,
}

/// Prevents a service from stopping for inactivity.
#[derive(Debug)]
#[must_use = "the service is held only until this is dropped"]
pub struct Hold(AbortHandle);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connected {
    /// Connects to a host over a stream; `None` if the host is stopping.
    ///
    /// # Errors
    /// If it does not answer or rejects the connection.
    pub async fn over<S>(
        service: &str,
        stream: S,
        token: &[u8],
    ) -> Result<Option<Connected>, PlaceError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (stream, verdict) = match timeout(limits::HANDSHAKE, handshake(stream, token)).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) if no_listener(&error) => return Ok(None),
            Ok(Err(source)) => return Err(failed(service, source)),
            Err(_) => return Err(unresponsive(service, limits::HANDSHAKE)),
        };
        start_client(service, stream, verdict).await
    }

    /// Sends a request that the host answers immediately.
    ///
    /// # Errors
    /// If the host rejects the request or does not answer.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<A, PlaceError> {
        ask(&self.client, &self.service, path, request).await
    }

    /// Sends a request whose answer is a stream.
    ///
    /// # Errors
    /// If the host rejects the request or does not answer.
    pub async fn stream<Q: Serialize>(&self, path: &str, request: &Q) -> Result<Body, PlaceError> {
        let body = codec::encode(request, limits::CONTROL)
            .map_err(|error| self.failed(RequestError::Codec(error)))?;
        let asking = self.client.request(client::post(path), body.into());
        let answer = self.fail_if_unresponsive(asking).await?;
        self.body_of(answer).await
    }

    /// Starts a request whose body continues after `head`. The answer is a stream of frames.
    ///
    /// # Errors
    /// If the host rejects the request or does not answer.
    pub async fn converse<Q: Serialize>(
        &self,
        path: &str,
        head: &Q,
    ) -> Result<(BodySender, Frames), PlaceError> {
        let http = |error| self.failed(RequestError::Http(error));
        let head = frame::encode(head, limits::CONTROL)
            .map_err(|error| self.failed(RequestError::Codec(error)))?;
        let request = Box::new(client::post(path));
        let (answer, mut sender) = self.client.begin(request, false).await.map_err(http)?;
        sender.send(head.into(), false).await.map_err(http)?;
        let answer = self.fail_if_unresponsive(answer).await?;
        let body = self.body_of(answer).await?;
        Ok((sender, Frames::new(body, limits::CONTROL)))
    }

    /// The next message of a stream, or `None` at its end.
    ///
    /// # Errors
    /// If the host does not answer, the connection breaks, or the message is invalid.
    pub async fn next<T: DeserializeOwned>(
        &self,
        frames: &mut Frames,
    ) -> Result<Option<T>, PlaceError> {
        let next = self.fail_if_unresponsive(frames.next()).await?;
        next.map_err(|error| self.broken(error))
    }

    /// As [`next`](Self::next), for a stream that must have another message.
    ///
    /// # Errors
    /// As [`next`](Self::next), and if the stream has ended.
    pub async fn must_next<T: DeserializeOwned>(
        &self,
        frames: &mut Frames,
    ) -> Result<T, PlaceError> {
        let next = self.next(frames).await?;
        next.ok_or_else(|| self.broken(FramesError::Cut))
    }

    async fn body_of(&self, answer: Result<Response<Body>, h2::Error>) -> Result<Body, PlaceError> {
        let answer = answer.map_err(|error| self.failed(RequestError::Http(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let refusal = Client::answer(answer).await.err();
        let unknown = || RequestError::Refused(status, String::new());
        Err(self.failed(refusal.unwrap_or_else(unknown)))
    }

    fn failed(&self, source: RequestError) -> PlaceError {
        PlaceError::Request {
            service: self.service.clone(),
            source,
        }
    }

    fn broken(&self, error: FramesError) -> PlaceError {
        PlaceError::Connection {
            service: self.service.clone(),
            source: io::Error::other(error),
        }
    }

    /// Awaits work without a timeout, as long as the host answers pings.
    ///
    /// # Errors
    /// If the host stops answering.
    pub async fn fail_if_unresponsive<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, PlaceError> {
        self.keep_alive.fail_if_unresponsive(work).await
    }

    /// Sets the service's inactivity timeout, if it differs.
    ///
    /// # Errors
    /// If the host rejects the request or does not answer.
    pub(super) async fn set_ttl(&mut self, ttl: Duration) -> Result<(), PlaceError> {
        let ttl_ms = ttl.as_millis().try_into().unwrap_or(u64::MAX);
        if ttl_ms != self.status.ttl_ms {
            self.ask::<_, ()>(path::TTL, &SetTtl { ttl_ms }).await?;
            self.status.ttl_ms = ttl_ms;
        }
        Ok(())
    }

    /// Prevents the service from stopping for inactivity, until the `Hold` is dropped or the
    /// connection breaks.
    pub fn hold(&self) -> Hold {
        let client = self.client.clone();
        let holding = tokio::spawn(async move {
            // The host never answers. The request ends with the connection; other requests report
            // that.
            let _ = client.ask::<_, ()>(path::HOLD, &()).await;
        });
        Hold(holding.abort_handle())
    }

    /// The transport between this machine and the service.
    pub fn transport(&self) -> Transport {
        match self.place {
            PlaceName::Local => Transport::SameHost,
            PlaceName::Kubernetes { .. } => Transport::Network,
        }
    }

    /// Resolves when the connection has ended, for any reason.
    pub async fn ended(&self) {
        self.keep_alive.ended().await;
    }

    /// Checks that the host has this version of kt.
    ///
    /// # Errors
    /// If it has another version.
    pub fn check_version(&self) -> Result<(), PlaceError> {
        if self.status.kt_version == VERSION {
            return Ok(());
        }
        Err(PlaceError::OtherVersion {
            service: self.service.clone(),
            theirs: self.status.kt_version.clone(),
            ours: VERSION,
        })
    }
}

/// Connects to the service behind a socket; `None` if no process listens or the host is stopping.
///
/// # Errors
/// If it does not answer within `limit` or rejects the connection.
pub async fn at(
    service: &str,
    socket: &Path,
    limit: Duration,
) -> Result<Option<Connected>, PlaceError> {
    let connecting = async {
        let stream = UnixStream::connect(socket).await?;
        handshake(stream, b"").await
    };
    let (stream, verdict) = match timeout(limit, connecting).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) if no_listener(&error) => return Ok(None),
        Ok(Err(source)) => return Err(failed(service, source)),
        Err(_) => return Err(unresponsive(service, limit)),
    };
    let connected = start_client(service, stream, verdict).await?;
    Ok(connected.map(|connected| Connected {
        socket: socket.to_owned(),
        ..connected
    }))
}

async fn handshake<S>(mut stream: S, token: &[u8]) -> io::Result<(S, Verdict)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let verdict = preamble::call_on(&mut stream, Purpose::Control, token, limits::HEARD).await?;
    Ok((stream, verdict))
}

async fn start_client<S>(
    service: &str,
    stream: S,
    verdict: Verdict,
) -> Result<Option<Connected>, PlaceError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service.to_owned();
    match verdict {
        Verdict::Welcome => {}
        Verdict::OtherVersion(theirs) => {
            return Err(PlaceError::OtherVersion {
                service,
                theirs,
                ours: VERSION,
            });
        }
        Verdict::Forbidden => return Err(PlaceError::Forbidden { service }),
        Verdict::NoWorker(why) | Verdict::Stage(why) => {
            return Err(failed(&service, io::Error::other(why)));
        }
    }
    let (client, connection) = Client::start(stream)
        .await
        .map_err(|error| failed(&service, io::Error::other(error)))?;
    let keep_alive = KeepAlive::watch(&service, connection);
    match ask(&client, &service, path::STATUS, &()).await {
        Ok(status) => Ok(Some(Connected {
            service,
            place: PlaceName::Local,
            socket: PathBuf::new(),
            client,
            status,
            started: false,
            expired: None,
            keep_alive,
        })),
        // The host accepted the connection and then stopped.
        Err(PlaceError::Request {
            source: RequestError::Http(_),
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(service: &str, source: io::Error) -> PlaceError {
    if source.kind() == io::ErrorKind::TimedOut {
        return unresponsive(service, limits::HEARD);
    }
    PlaceError::Connection {
        service: service.to_owned(),
        source,
    }
}

fn unresponsive(service: &str, after: Duration) -> PlaceError {
    PlaceError::Unresponsive {
        service: service.to_owned(),
        after,
    }
}

async fn ask<Q: Serialize, A: DeserializeOwned>(
    client: &Client,
    service: &str,
    path: &str,
    request: &Q,
) -> Result<A, PlaceError> {
    tracing::trace!(service, path, "request");
    match timeout(ANSWER, client.ask(path, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(PlaceError::Request {
            service: service.to_owned(),
            source,
        }),
        Err(_) => Err(PlaceError::Unresponsive {
            service: service.to_owned(),
            after: ANSWER,
        }),
    }
}

/// Whether the socket does not exist, has no listener, or its host is stopping.
fn no_listener(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NotADirectory, NotFound, UnexpectedEof,
        WouldBlock,
    };
    matches!(
        error.kind(),
        NotFound
            | NotADirectory
            | ConnectionRefused
            | ConnectionReset
            | BrokenPipe
            | UnexpectedEof
            // Its queue of connections is full: unix(7).
            | WouldBlock
    )
}
