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

use super::{StateError, error::Deed, names, service::Asked};
use crate::{
    command::{CommandError, watch::awaited},
    place::PlaceError,
    terminal::text,
};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

pub(super) async fn save(asked: &Asked<'_>, file: &Path, force: bool) -> Result<(), CommandError> {
    let exists = || StateError::Exists {
        path: file.to_owned(),
    };
    // Said before anything is done; that it still holds is seen to when the file gets its name.
    if !force && file.symlink_metadata().is_ok() {
        return Err(exists().into());
    }
    let write = |source| StateError::Write {
        path: file.to_owned(),
        source,
    };
    // Beside the file, so that it gets its name at once and whole.
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let mut temporary = hidden(&file.with_file_name(name)).map_err(write)?;
    let saving = receive(asked, temporary.as_file_mut());
    let saved = awaited(asked.connected, asked.terminal, Deed::Save.verb(), saving).await?;
    let moved = match saved {
        Received::Moved(moved) => moved,
        Received::Refused(refused) => return Err(asked.refused(Deed::Save, refused).into()),
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
    told(asked, Deed::Save, &moved, file);
    if !moved.left.is_empty() {
        asked.terminal.note(format_args!(
            "left out, as they have no serde: {}",
            names::listed(&moved.left)
        ));
    }
    Ok(())
}

pub(super) async fn load(asked: &Asked<'_>, file: &Path) -> Result<(), CommandError> {
    let loading = send(asked, file);
    let loaded = awaited(asked.connected, asked.terminal, Deed::Load.verb(), loading).await?;
    let moved = loaded.map_err(|refused| asked.refused(Deed::Load, refused))?;
    told(asked, Deed::Load, &moved, file);
    if !moved.left.is_empty() {
        asked.terminal.warning(format_args!(
            "left out, as the program has no such states or they have no serde: {}",
            names::listed(&moved.left)
        ));
    }
    Ok(())
}

fn told(asked: &Asked<'_>, deed: Deed, moved: &Moved, file: &Path) {
    let (verb, preposition, name) = match deed {
        Deed::Save => ("Saved", "to", "save"),
        _ => ("Loaded", "from", "load"),
    };
    asked.terminal.status(
        verb,
        format_args!(
            "{} ({}) {preposition} {}",
            text::count(moved.keys.len(), "state"),
            text::bytes(moved.bytes),
            file.display()
        ),
    );
    let message = serde_json::json!({
        "deed": name, "states": moved.keys, "left": moved.left, "bytes": moved.bytes, "file": file,
    });
    asked.terminal.json("kt-state-done", &message);
}

/// A file that only this user can read, and that is gone if it gets no other name.
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

/// How a save came out, as far as the service goes.
enum Received {
    Moved(Moved),
    Refused(StateRefused),
    Unwritable(io::Error),
}

/// Has the service save, and writes what it sends.
async fn receive(asked: &Asked<'_>, file: &mut File) -> Result<Received, CommandError> {
    let request = client::post(path::STATE_SAVE);
    let asking = asked.connected.client.request(request, Bytes::new());
    let response = asked.connected.unless_silent(asking).await?;
    let response = response.map_err(|error| failed(asked, RequestError::Http(error)))?;
    if !response.status().is_success() {
        let refusal = Client::answer(response).await;
        return Err(match refusal {
            Err(error) => failed(asked, error),
            Ok(_) => StateError::Unexpected.into(),
        });
    }
    let mut body = response.into_body();
    let (mut head, mut moved) = (BytesMut::new(), None);
    while let Some(piece) = next(asked, &mut body).await? {
        let rest = match moved {
            Some(_) => piece,
            None => {
                head.extend_from_slice(&piece);
                let answer: Option<Result<Moved, StateRefused>> =
                    frame::decode(&mut head, limits::CONTROL)
                        .map_err(|error| failed(asked, RequestError::Codec(error)))?;
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

async fn next(asked: &Asked<'_>, body: &mut Body) -> Result<Option<Bytes>, CommandError> {
    let chunk = asked.connected.unless_silent(body.chunk()).await?;
    chunk
        .transpose()
        .map_err(|error| failed(asked, RequestError::Http(error)))
}

/// Sends a file, and has the service load it.
async fn send(asked: &Asked<'_>, path: &Path) -> Result<Result<Moved, StateRefused>, CommandError> {
    let read = |source| StateError::Read {
        path: PathBuf::from(path),
        source,
    };
    let mut file = File::open(path).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut request = client::request(Method::PUT, path::STATE_LOAD);
    request.headers_mut().insert(CONTENT_LENGTH, length.into());
    let (head, mut body) = asked
        .connected
        .client
        .begin(Box::new(request), false)
        .await
        .map_err(|error| failed(asked, RequestError::Http(error)))?;
    let sending = async {
        loop {
            let mut piece = vec![0; PIECE];
            let length = file.read(&mut piece).map_err(read)?;
            piece.truncate(length);
            // A failure here is the answer's business: a service that refuses stops reading.
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
        // A refusal may come long before the end of the body.
        tokio::select! {
            biased;
            answer = &mut answering => return answer.map_err(|error| failed(asked, error)),
            sent = &mut sending => sent?,
        }
        answering.await.map_err(|error| failed(asked, error))
    };
    asked.connected.unless_silent(working).await?
}

fn failed(asked: &Asked<'_>, source: RequestError) -> CommandError {
    let service = asked.connected.service.clone();
    PlaceError::Request { service, source }.into()
}
