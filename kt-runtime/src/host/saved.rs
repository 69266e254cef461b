//! Transfers files of saved states between the worker and a client. The host chooses the file
//! names; a client sends and receives bytes.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use tokio::time::timeout;

use super::{Host, request::Refusal, supervise::Temporary};
use crate::wire::{
    frame,
    http::Body,
    limits,
    server::Answer,
    state::{Moved, StateRefused},
};

/// Bytes to read at once.
const PIECE: usize = 256 << 10;

/// Answers with the states that the worker saves.
pub async fn save(host: &Arc<Host>, answer: Answer) -> Result<(), h2::Error> {
    host.lease.touch();
    let (saved, file) = match host.supervisor.save().await {
        Ok((moved, file)) => (Ok(moved), Some(file)),
        Err(refused) => (Err(refused), None),
    };
    host.lease.touch();
    let head = match frame::encode::<Result<Moved, StateRefused>>(&saved, limits::CONTROL) {
        Ok(head) => head,
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return answer.refuse(status, error.to_string()).await;
        }
    };
    let length = file.as_ref().and_then(|file| file.metadata().ok());
    let length = head.len() as u64 + length.map_or(0, |data| data.len());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, length.into());
    let mut body = answer.begin(StatusCode::OK, headers, false)?;
    body.send(head.into(), false).await?;
    let Some(mut file) = file else {
        return body.send(Bytes::new(), true).await;
    };
    loop {
        let read = blocking(move || {
            let mut piece = vec![0; PIECE];
            let length = file.read(&mut piece)?;
            piece.truncate(length);
            Ok((file, piece))
        });
        let piece = match read.await {
            Ok((back, piece)) => {
                file = back;
                piece
            }
            // Dropping the stream early resets it, so the client detects the truncation.
            Err(error) => {
                tracing::warn!("failed to read saved states: {error}");
                return Ok(());
            }
        };
        host.lease.touch();
        let end = piece.is_empty();
        // Do not wait for a client that stops reading: the file takes disk space.
        match timeout(limits::STALLED, body.send(piece.into(), end)).await {
            Ok(sent) => sent?,
            Err(_) => return Ok(()),
        }
        if end {
            return Ok(());
        }
    }
}

/// Lets the worker load the received states.
pub async fn load(
    host: &Arc<Host>,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Result<Moved, StateRefused>, Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits::SAVED) {
        return Err(too_large());
    }
    let temporary = host.supervisor.temporary("load");
    let mut file = create(&temporary).map_err(unwritable)?;
    let mut length = 0;
    loop {
        host.lease.touch();
        let chunk = timeout(limits::STALLED, body.chunk()).await.map_err(|_| {
            let message = format!("no data received for {} s", limits::STALLED.as_secs());
            (StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        length += chunk.len() as u64;
        if length > limits::SAVED {
            return Err(too_large());
        }
        let written = blocking(move || file.write_all(&chunk).map(|()| file));
        file = written.await.map_err(unwritable)?;
    }
    drop(file);
    let loaded = host.supervisor.restore(&temporary).await;
    host.lease.touch();
    Ok(loaded)
}

fn create(temporary: &Temporary) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary.path)
}

/// Runs work on a thread where waiting for the disk blocks no other request.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).flatten()
}

fn unwritable(error: io::Error) -> Refusal {
    let status = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = format!("failed to write the states to the service's directory: {error}");
    (status, message)
}

fn too_large() -> Refusal {
    let message = format!("saved states are limited to {} bytes", limits::SAVED);
    (StatusCode::PAYLOAD_TOO_LARGE, message)
}
