//! The stream to the host that carries gdb's remote protocol, from the question to the end.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use kt::wire::{
    client::{self, Client, RequestError},
    control::path,
    debug::{DebugRefused, DebugRequest, DebugStarted},
    frame,
    http::{Body, BodySender},
    limits, tunnel,
};
use tokio::{io::AsyncWriteExt, net::UnixListener, task::JoinHandle, time::timeout};

use super::DebugError;

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
    pub async fn begin(
        client: &Client,
        service: &str,
        request: &DebugRequest,
    ) -> Result<Self, DebugError> {
        let failed = |source| DebugError::Request {
            service: service.to_owned(),
            source,
        };
        let asking = ask(client, request);
        let (answer, body, buffer, sender) = timeout(ANSWER, asking)
            .await
            .map_err(|_| DebugError::Io {
                what: format!(
                    "attach to {service}: it did not answer within {} s",
                    ANSWER.as_secs()
                ),
                source: std::io::ErrorKind::TimedOut.into(),
            })?
            .map_err(failed)?;
        let started = answer.map_err(|refusal| DebugError::Refused {
            service: service.to_owned(),
            refusal: Box::new(refusal),
        })?;
        Ok(Self {
            started,
            body,
            received: buffer.freeze(),
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
            let Ok((mut stream, _)) = accepted else {
                return;
            };
            if stream.write_all(&received).await.is_ok() {
                // gdb sees the end of its pipe, and says so.
                let _ = tunnel::couple(stream, body, sender).await;
            }
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

type Answer = Result<DebugStarted, DebugRefused>;

async fn ask(
    client: &Client,
    request: &DebugRequest,
) -> Result<(Answer, Body, BytesMut, BodySender), RequestError> {
    let question = frame::encode(request, limits::CONTROL).map_err(RequestError::Codec)?;
    let (head, mut sender) = client
        .begin(Box::new(client::post(path::DEBUG)), false)
        .await
        .map_err(RequestError::Http)?;
    sender
        .send(question.into(), false)
        .await
        .map_err(RequestError::Http)?;
    let response = head.await.map_err(RequestError::Http)?;
    if !response.status().is_success() {
        let status = response.status();
        let refusal = Client::answer(response).await.err();
        return Err(refusal.unwrap_or(RequestError::Refused(status, String::new())));
    }
    let (mut body, mut buffer) = (response.into_body(), BytesMut::new());
    loop {
        if let Some(answer) =
            frame::decode(&mut buffer, limits::CONTROL).map_err(RequestError::Codec)?
        {
            return Ok((answer, body, buffer, sender));
        }
        match body.chunk().await {
            Some(chunk) => buffer.extend_from_slice(&chunk.map_err(RequestError::Http)?),
            None => return Err(RequestError::Http(h2::Reason::CANCEL.into())),
        }
    }
}
