//! `cargo kt state save` and `load`.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use http::{Method, header::CONTENT_LENGTH};
use kt::{
    codec,
    wire::{
        client::{self, Client, RequestError},
        control::path,
        frame,
        http::Body,
        limits,
        state::{Moved, StateRefused},
    },
};
use tempfile::{NamedTempFile, TempPath};

use super::{names, service::StateClient};
use crate::{
    command::{
        CommandError,
        error::{Operation, StateError},
    },
    place::PlaceError,
    session::watch::awaited,
    terminal::text,
};

/// Bytes per read.
const PIECE: usize = 256 << 10;

pub(super) async fn save(
    client: &StateClient<'_>,
    file: &Path,
    force: bool,
) -> Result<(), CommandError> {
    let exists = || StateError::Exists {
        path: file.to_owned(),
    };
    // Fails early; `persist_noclobber` checks again.
    if !force && file.symlink_metadata().is_ok() {
        return Err(exists().into());
    }
    let write = |source| StateError::Write {
        path: file.to_owned(),
        source,
    };
    // In the same directory, so that the rename is atomic.
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let mut temporary = hidden(&file.with_file_name(name)).map_err(write)?;
    let saving = receive(client, temporary.as_file_mut());
    let saved = awaited(
        client.connected,
        client.terminal,
        Operation::Save.verb(),
        saving,
    )
    .await?;
    let moved = match saved {
        Received::Moved(moved) => moved,
        Received::Refused(refused) => return Err(client.refused(Operation::Save, refused).into()),
        Received::Unwritable(source) => return Err(write(source).into()),
    };
    temporary.as_file().sync_all().map_err(write)?;
    let persisted = match force {
        true => temporary.persist(file),
        false => temporary.persist_noclobber(file),
    };
    persisted.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => write(error.error),
    })?;
    report(client, Operation::Save, &moved, file);
    if !moved.left.is_empty() {
        client.terminal.note(format_args!(
            "skipped states without serde: {}",
            names::listed(&moved.left)
        ));
    }
    Ok(())
}

pub(super) async fn load(client: &StateClient<'_>, file: &Path) -> Result<(), CommandError> {
    let loading = send(client, file);
    let loaded = awaited(
        client.connected,
        client.terminal,
        Operation::Load.verb(),
        loading,
    )
    .await?;
    let moved = loaded.map_err(|refused| client.refused(Operation::Load, refused))?;
    report(client, Operation::Load, &moved, file);
    if !moved.left.is_empty() {
        client.terminal.warning(format_args!(
            "skipped states that the program does not have or that have no serde: {}",
            names::listed(&moved.left)
        ));
    }
    Ok(())
}

fn report(client: &StateClient<'_>, operation: Operation, moved: &Moved, file: &Path) {
    let (verb, preposition, name) = match operation {
        Operation::Save => ("Saved", "to", "save"),
        _ => ("Loaded", "from", "load"),
    };
    client.terminal.status(
        verb,
        format_args!(
            "{} ({}) {preposition} {}",
            text::count(moved.keys.len(), "state"),
            text::bytes(moved.bytes),
            file.display()
        ),
    );
    let message = serde_json::json!({
        "operation": name, "states": moved.keys, "left": moved.left, "bytes": moved.bytes, "file": file,
    });
    client.terminal.json("kt-state-done", &message);
}

/// A temporary file that only the current user can read.
fn hidden(path: &Path) -> io::Result<NamedTempFile> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(NamedTempFile::from_parts(
        file,
        TempPath::try_from_path(path)?,
    ))
}

/// The result of a save.
enum Received {
    Moved(Moved),
    Refused(StateRefused),
    Unwritable(io::Error),
}

/// Requests a save, and writes the response to a file.
async fn receive(client: &StateClient<'_>, file: &mut File) -> Result<Received, CommandError> {
    let request = client::post(path::STATE_SAVE);
    let asking = client.connected.client.request(request, Bytes::new());
    let response = client.connected.fail_if_unresponsive(asking).await?;
    let response = response.map_err(|error| failed(client, RequestError::Http(error)))?;
    if !response.status().is_success() {
        let refusal = Client::answer(response).await;
        return Err(match refusal {
            Err(error) => failed(client, error),
            Ok(_) => StateError::Unexpected.into(),
        });
    }
    let mut body = response.into_body();
    let (mut head, mut moved) = (BytesMut::new(), None);
    while let Some(piece) = next(client, &mut body).await? {
        let rest = match moved {
            Some(_) => piece,
            None => {
                head.extend_from_slice(&piece);
                let answer: Option<Result<Moved, StateRefused>> =
                    frame::decode(&mut head, limits::CONTROL)
                        .map_err(|error| failed(client, RequestError::Codec(error)))?;
                match answer {
                    None => continue,
                    Some(Ok(answer)) => moved = Some(answer),
                    Some(Err(refused)) => return Ok(Received::Refused(refused)),
                }
                head.split().freeze()
            }
        };
        if let Err(error) = file.write_all(&rest) {
            return Ok(Received::Unwritable(error));
        }
    }
    moved
        .map(Received::Moved)
        .ok_or_else(|| StateError::Unexpected.into())
}

async fn next(client: &StateClient<'_>, body: &mut Body) -> Result<Option<Bytes>, CommandError> {
    let chunk = client.connected.fail_if_unresponsive(body.chunk()).await?;
    chunk
        .transpose()
        .map_err(|error| failed(client, RequestError::Http(error)))
}

/// Sends a file for the service to load.
async fn send(
    client: &StateClient<'_>,
    path: &Path,
) -> Result<Result<Moved, StateRefused>, CommandError> {
    let read = |source| StateError::Read {
        path: PathBuf::from(path),
        source,
    };
    let mut file = File::open(path).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut request = client::request(Method::PUT, path::STATE_LOAD);
    request.headers_mut().insert(CONTENT_LENGTH, length.into());
    let (head, mut body) = client
        .connected
        .client
        .begin(Box::new(request), false)
        .await
        .map_err(|error| failed(client, RequestError::Http(error)))?;
    let sending = async {
        loop {
            let mut piece = vec![0; PIECE];
            let length = file.read(&mut piece).map_err(read)?;
            piece.truncate(length);
            // The answer reports a failure: a service that rejects the file stops reading.
            if body.send(piece.into(), length == 0).await.is_err() || length == 0 {
                return Ok::<_, CommandError>(());
            }
        }
    };
    let answering = async {
        let response = head.await.map_err(RequestError::Http)?;
        let answer = Client::answer(response).await?;
        codec::decode(&answer).map_err(RequestError::Codec)
    };
    let working = async {
        tokio::pin!(sending, answering);
        // The service may reject the file long before the end of the body.
        tokio::select! {
            biased;
            answer = &mut answering => return answer.map_err(|error| failed(client, error)),
            sent = &mut sending => sent?,
        }
        answering.await.map_err(|error| failed(client, error))
    };
    client.connected.fail_if_unresponsive(working).await?
}

fn failed(client: &StateClient<'_>, source: RequestError) -> CommandError {
    let service = client.connected.service.clone();
    PlaceError::Request { service, source }.into()
}
