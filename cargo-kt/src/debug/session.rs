//! The stream to the host that carries gdb's remote protocol, from the question to the end.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use kt::wire::{
    control::path,
    debug::{DebugRefused, DebugRequest, DebugStarted},
    http::{Body, BodySender},
    tunnel,
};
use tokio::{net::UnixListener, task::JoinHandle, time::timeout};

use super::DebugError;
use crate::place::{Connected, PlaceError};

/// How long a host may take to say whether a debugger may attach: it starts a process.
const ANSWER: Duration = Duration::from_secs(20);
/// How long it may take to let go of the worker.
const RELEASE: Duration = Duration::from_secs(20);

/// A debugger that may attach, for as long as this is there.
pub struct Session {
    pub started: DebugStarted,
    body: Body,
    /// What came behind the answer.
    received: Bytes,
    sender: BodySender,
}

/// Carries the bytes of one gdb.
pub struct Carrying(JoinHandle<()>);

impl Session {
    /// Asks the host for the worker.
    ///
    /// # Errors
    /// If it refuses, or does not answer.
    pub async fn begin(connected: &Connected, request: &DebugRequest) -> Result<Self, DebugError> {
        let service = &connected.service;
        let asking = async {
            let (sender, mut answer) = connected.converse(path::DEBUG, request).await?;
            let started: Result<DebugStarted, DebugRefused> =
                connected.must_next(&mut answer).await?;
            Ok::<_, PlaceError>((started, sender, answer))
        };
        let asked = timeout(ANSWER, asking)
            .await
            .map_err(|_| PlaceError::Silent {
                service: service.clone(),
                after: ANSWER,
            })?;
        let (started, sender, answer) = asked?;
        let started = started.map_err(|refusal| DebugError::Refused {
            service: service.clone(),
            refusal: Box::new(refusal),
        })?;
        let (received, body) = answer.into_rest();
        Ok(Self {
            started,
            body,
            received,
            sender,
        })
    }

    /// Listens for the one connection of gdb's pipe, and carries its bytes.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn carry(self, socket: &Path) -> Result<Carrying, DebugError> {
        let listener = UnixListener::bind(socket)
            .map_err(DebugError::io(format!("listen on {}", socket.display())))?;
        let Self {
            body,
            received,
            sender,
            ..
        } = self;
        let socket: PathBuf = socket.to_owned();
        Ok(Carrying(tokio::spawn(async move {
            let accepted = listener.accept().await;
            let _ = std::fs::remove_file(&socket);
            let Ok((stream, _)) = accepted else {
                return;
            };
            // gdb sees the end of its pipe, and says so.
            let _ = tunnel::couple(stream, received, body, sender, || {}).await;
        })))
    }
}

impl Carrying {
    /// To be called when gdb has ended: returns once the host has let go of the worker.
    pub async fn end(self) {
        let Self(task) = self;
        let abort = task.abort_handle();
        if timeout(RELEASE, task).await.is_err() {
            abort.abort();
        }
    }
}
