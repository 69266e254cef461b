use std::{io, path::PathBuf, time::Duration};

use kt::wire::{
    VERSION,
    client::{Client, RequestError},
    control::{Status, path},
    limits,
    preamble::{self, Purpose, Verdict},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use super::alive::Alive;
use crate::place::{Dirs, PlaceError};

/// How long a host may take to answer a question that needs no work: it asks its worker first.
const ANSWER: Duration = limits::HANDSHAKE.saturating_add(limits::STATUS);

/// A control connection to a service.
#[derive(Debug, Clone)]
pub struct Connected {
    pub service: String,
    pub socket: PathBuf,
    pub client: Client,
    /// How the service was when the connection was made.
    pub status: Status,
    /// Whether this call started it.
    pub started: bool,
    pub(super) alive: Alive,
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

    /// Waits for something that takes the host as long as it takes, unless the host stops to answer at all.
    ///
    /// # Errors
    /// If it does.
    pub async fn unless_silent<T>(&self, work: impl Future<Output = T>) -> Result<T, PlaceError> {
        self.alive.unless_silent(work).await
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

/// Connects to a service; `None` if nobody listens, or who did is just ending.
pub async fn connect(dirs: &Dirs, service: &str) -> Result<Option<Connected>, PlaceError> {
    let socket = dirs.socket(service)?;
    let failed = |source| PlaceError::Connection {
        service: service.to_owned(),
        source,
    };
    let silent = || PlaceError::Silent {
        service: service.to_owned(),
        after: limits::HANDSHAKE,
    };
    let connecting = async {
        let mut stream = UnixStream::connect(&socket).await?;
        let verdict = preamble::call_on(&mut stream, Purpose::Control, b"").await?;
        Ok((stream, verdict))
    };
    let (stream, verdict) = match timeout(limits::HANDSHAKE, connecting).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) if nobody(&error) => return Ok(None),
        Ok(Err(error)) => return Err(failed(error)),
        Err(_) => return Err(silent()),
    };
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
            return Err(failed(io::Error::other(why)));
        }
    }
    let (client, connection) = Client::start(stream)
        .await
        .map_err(|error| failed(io::Error::other(error)))?;
    let alive = Alive::watch(&service, connection);
    match ask(&client, &service, path::STATUS, &()).await {
        Ok(status) => Ok(Some(Connected {
            service,
            socket,
            client,
            status,
            started: false,
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
