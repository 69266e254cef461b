//! A control connection to a service: how it is made over a socket or any other stream, and what is asked of it.

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

use super::{PlaceError, PlaceName, alive::Alive};
use crate::ship::Link;

/// How long a host may take to answer a question that needs no work: it asks its worker first.
const ANSWER: Duration = limits::HANDSHAKE.saturating_add(limits::STATUS);

/// A control connection to a service.
#[derive(Debug, Clone)]
pub struct Connected {
    pub service: String,
    pub place: PlaceName,
    /// Where others connect to it; empty for a connection that is not a socket's.
    pub socket: PathBuf,
    pub client: Client,
    /// How the service was when the connection was made.
    pub status: Status,
    /// Whether this call started it.
    pub started: bool,
    /// How the service that it takes the place of ended, if nobody called that.
    pub expired: Option<Expired>,
    pub(super) alive: Alive,
}

/// Keeps a service from ending.
#[derive(Debug)]
#[must_use = "the service is held only as long as it is there"]
pub struct Hold(AbortHandle);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connected {
    /// Asks the host something that it answers at once.
    ///
    /// # Errors
    /// If it refuses or does not answer.
    pub async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<A, PlaceError> {
        ask(&self.client, &self.service, path, question).await
    }

    /// Asks something whose answer is a stream.
    ///
    /// # Errors
    /// If it refuses or does not answer.
    pub async fn stream<Q: Serialize>(&self, path: &str, question: &Q) -> Result<Body, PlaceError> {
        let body = codec::encode(question, limits::CONTROL)
            .map_err(|error| self.failed(RequestError::Codec(error)))?;
        let asking = self.client.request(client::post(path), body.into());
        let answer = self.unless_silent(asking).await?;
        self.body_of(answer).await
    }

    /// Begins a request whose body goes on behind `head`. The answer is a stream too, which begins with a frame.
    ///
    /// # Errors
    /// If it refuses or does not answer.
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
        let answer = self.unless_silent(answer).await?;
        let body = self.body_of(answer).await?;
        Ok((sender, Frames::new(body, limits::CONTROL)))
    }

    /// The next message of a stream, or `None` at its end.
    ///
    /// # Errors
    /// If the host is silent, the connection breaks, or it is no such message.
    pub async fn next<T: DeserializeOwned>(
        &self,
        frames: &mut Frames,
    ) -> Result<Option<T>, PlaceError> {
        let next = self.unless_silent(frames.next()).await?;
        next.map_err(|error| self.broken(error))
    }

    /// As [`next`](Self::next), of a stream that has one more.
    ///
    /// # Errors
    /// As there, and if it ends instead.
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

    /// Waits for something that takes the host as long as it takes, unless the host stops to answer at all.
    ///
    /// # Errors
    /// If it does.
    pub async fn unless_silent<T>(&self, work: impl Future<Output = T>) -> Result<T, PlaceError> {
        self.alive.unless_silent(work).await
    }

    /// Gives the service another time to live without activity, if it has another one.
    ///
    /// # Errors
    /// If it refuses or does not answer.
    pub(super) async fn set_ttl(&mut self, ttl: Duration) -> Result<(), PlaceError> {
        let ttl_ms = ttl.as_millis().try_into().unwrap_or(u64::MAX);
        if ttl_ms != self.status.ttl_ms {
            self.ask::<_, ()>(path::TTL, &SetTtl { ttl_ms }).await?;
            self.status.ttl_ms = ttl_ms;
        }
        Ok(())
    }

    /// Keeps the service from ending for lack of use, until what is returned is dropped or the connection breaks.
    pub fn hold(&self) -> Hold {
        let client = self.client.clone();
        let holding = tokio::spawn(async move {
            // No answer comes; an end of it is the connection's, and others tell of that.
            let _ = client.ask::<_, ()>(path::HOLD, &()).await;
        });
        Hold(holding.abort_handle())
    }

    /// What lies between here and the service.
    pub fn link(&self) -> Link {
        match self.place {
            PlaceName::Local => Link::SameMachine,
            PlaceName::Kubernetes { .. } => Link::Network,
        }
    }

    /// Resolves when the connection is over, in whatever way.
    pub async fn ended(&self) {
        self.alive.ended().await;
    }

    /// Whether the host is of this version of kt.
    ///
    /// # Errors
    /// If it is not.
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

/// Connects to the service behind a socket; `None` if nobody listens, or who did is just ending.
///
/// # Errors
/// If it does not answer within `patience` or refuses.
pub async fn at(
    service: &str,
    socket: &Path,
    patience: Duration,
) -> Result<Option<Connected>, PlaceError> {
    let connecting = async {
        let stream = UnixStream::connect(socket).await?;
        greet(stream, b"").await
    };
    let (stream, verdict) = match timeout(patience, connecting).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) if nobody(&error) => return Ok(None),
        Ok(Err(source)) => return Err(failed(service, source)),
        Err(_) => return Err(silent(service, patience)),
    };
    let connected = welcomed(service, stream, verdict).await?;
    Ok(connected.map(|connected| Connected {
        socket: socket.to_owned(),
        ..connected
    }))
}

/// Connects to the host at the other end of a stream; `None` if it is just ending.
///
/// # Errors
/// If it does not answer or refuses.
pub async fn over<S>(
    service: &str,
    stream: S,
    token: &[u8],
) -> Result<Option<Connected>, PlaceError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (stream, verdict) = match timeout(limits::HANDSHAKE, greet(stream, token)).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) if nobody(&error) => return Ok(None),
        Ok(Err(source)) => return Err(failed(service, source)),
        Err(_) => return Err(silent(service, limits::HANDSHAKE)),
    };
    welcomed(service, stream, verdict).await
}

async fn greet<S>(mut stream: S, token: &[u8]) -> io::Result<(S, Verdict)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let verdict = preamble::call_on(&mut stream, Purpose::Control, token, limits::HEARD).await?;
    Ok((stream, verdict))
}

async fn welcomed<S>(
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
    let alive = Alive::watch(&service, connection);
    match ask(&client, &service, path::STATUS, &()).await {
        Ok(status) => Ok(Some(Connected {
            service,
            place: PlaceName::Local,
            socket: PathBuf::new(),
            client,
            status,
            started: false,
            expired: None,
            alive,
        })),
        // It said welcome and ended.
        Err(PlaceError::Request {
            source: RequestError::Http(_),
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(service: &str, source: io::Error) -> PlaceError {
    if source.kind() == io::ErrorKind::TimedOut {
        return silent(service, limits::HEARD);
    }
    PlaceError::Connection {
        service: service.to_owned(),
        source,
    }
}

fn silent(service: &str, after: Duration) -> PlaceError {
    PlaceError::Silent {
        service: service.to_owned(),
        after,
    }
}

async fn ask<Q: Serialize, A: DeserializeOwned>(
    client: &Client,
    service: &str,
    path: &str,
    question: &Q,
) -> Result<A, PlaceError> {
    match timeout(ANSWER, client.ask(path, question)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(PlaceError::Request {
            service: service.to_owned(),
            source,
        }),
        Err(_) => Err(PlaceError::Silent {
            service: service.to_owned(),
            after: ANSWER,
        }),
    }
}

/// No socket, a dead one, or a host that hung up because it ends.
fn nobody(error: &io::Error) -> bool {
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
