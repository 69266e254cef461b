//! The stream to the host that carries gdb's remote protocol.

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

/// Timeout for the host's response to the request to attach: it starts a process.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(20);
/// Timeout for the host to release the worker.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(20);

/// Permission for a debugger to attach, until it is dropped.
pub struct Session {
    pub started: DebugStarted,
    body: Body,
    /// Bytes received after the answer.
    received: Bytes,
    sender: BodySender,
}

/// A running task that forwards the bytes of gdb.
pub struct Carrying(JoinHandle<()>);

impl Session {
    /// Requests the worker from the host.
    ///
    /// # Errors
    /// If the host rejects the request or does not answer.
    pub async fn begin(connected: &Connected, request: &DebugRequest) -> Result<Self, DebugError> {
        let service = &connected.service;
        let asking = async {
            let (sender, mut answer) = connected.converse(path::DEBUG, request).await?;
            let started: Result<DebugStarted, DebugRefused> =
                connected.must_next(&mut answer).await?;
            Ok::<_, PlaceError>((started, sender, answer))
        };
        let asked =
            timeout(ATTACH_TIMEOUT, asking)
                .await
                .map_err(|_| PlaceError::Unresponsive {
                    service: service.clone(),
                    after: ATTACH_TIMEOUT,
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

    /// Accepts the connection of gdb's pipe and forwards its bytes.
    ///
    /// # Errors
    /// If the socket cannot be created.
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
            // gdb reports the end of its pipe itself.
            let _ = tunnel::couple(stream, received, body, sender, || {}).await;
        })))
    }
}

impl Carrying {
    /// Call it after gdb exited: waits until the host has released the worker.
    pub async fn end(self) {
        let Self(task) = self;
        let abort = task.abort_handle();
        if timeout(RELEASE_TIMEOUT, task).await.is_err() {
            abort.abort();
        }
    }
}
