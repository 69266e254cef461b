use std::{fs::File, io::Read};

use bytes::Bytes;
use camino::Utf8PathBuf;
use http::{Method, header::CONTENT_LENGTH};
use kt::wire::{
    ObjectId,
    client::{self, Client, RequestError},
    control::path,
    manifest::Manifest,
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Files, ShipError};

/// Objects that are sent at once: enough to hide reading and hashing behind sending.
const STREAMS: usize = 3;
/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// How far the sending is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub sent: u64,
    pub total: u64,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shipped {
    pub objects: usize,
    pub bytes: u64,
    /// Objects that were there already.
    pub present: usize,
    pub(super) again: bool,
}

impl Shipped {
    pub(super) fn and(self, more: Self) -> Self {
        Self {
            objects: self.objects + more.objects,
            bytes: self.bytes + more.bytes,
            present: self.present,
            again: true,
        }
    }
}

/// Sends the objects of a manifest that the service lacks.
///
/// # Errors
/// If a file cannot be read, or the service does not take it.
pub async fn ship(
    client: &Client,
    manifest: &Manifest,
    files: &Files,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Shipped, ShipError> {
    let mut wanted: Vec<ObjectId> = manifest.objects().map(|object| object.id).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let missing: Vec<ObjectId> = client
        .ask(path::MISSING, &wanted)
        .await
        .map_err(ShipError::Request)?;
    let mut waiting = Vec::new();
    for id in &missing {
        let Some(object) = manifest.objects().find(|object| object.id == *id) else {
            continue;
        };
        let path = files.get(id).ok_or_else(|| ShipError::NoFile {
            name: object.name.clone(),
        })?;
        waiting.push((object.size, *id, path.clone()));
    }
    // Largest last, where it is taken from first: the others fit beside it.
    waiting.sort_unstable();
    let total = waiting.iter().map(|(size, ..)| size).sum();
    let shipped = Shipped {
        objects: waiting.len(),
        bytes: total,
        present: wanted.len() - waiting.len(),
        again: false,
    };

    let (pieces, mut sent_pieces) = mpsc::unbounded_channel();
    // Dropped on an error, it ends the others.
    let mut sending = JoinSet::new();
    let mut sent = 0;
    loop {
        while sending.len() < STREAMS
            && let Some((_, id, path)) = waiting.pop()
        {
            sending.spawn(upload(client.clone(), id, path, pieces.clone()));
        }
        tokio::select! {
            Some(length) = sent_pieces.recv() => {
                sent += length;
                progress(Progress { sent, total });
            }
            done = sending.join_next() => match done {
                None => break,
                Some(Ok(done)) => done?,
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
    while let Ok(length) = sent_pieces.try_recv() {
        sent += length;
        progress(Progress { sent, total });
    }
    Ok(shipped)
}

async fn upload(
    client: Client,
    id: ObjectId,
    path: Utf8PathBuf,
    pieces: mpsc::UnboundedSender<u64>,
) -> Result<(), ShipError> {
    let read = |source| ShipError::Read {
        path: path.clone(),
        source,
    };
    let refused = |source| ShipError::Upload {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut request = client::request(Method::PUT, &format!("{}{id}", path::OBJECT));
    request.headers_mut().insert(CONTENT_LENGTH, length.into());
    let (head, mut body) = client
        .begin(request, false)
        .await
        .map_err(|error| refused(RequestError::Http(error)))?;
    let sending = async {
        loop {
            let mut piece = vec![0; PIECE];
            let read_piece = tokio::task::spawn_blocking(move || {
                let length = file.read(&mut piece)?;
                piece.truncate(length);
                std::io::Result::Ok((file, piece))
            });
            let (back, piece) = read_piece
                .await
                .map_err(std::io::Error::other)
                .flatten()
                .map_err(read)?;
            file = back;
            let length = piece.len();
            // A failure here is the answer's business: a service that refuses stops reading.
            if body.send(Bytes::from(piece), length == 0).await.is_err() || length == 0 {
                return Ok(());
            }
            // Nobody counts any more if another upload failed.
            let _ = pieces.send(length as u64);
        }
    };
    let answering = async {
        let response = head.await.map_err(RequestError::Http)?;
        Client::answer(response).await.map(drop)
    };
    tokio::pin!(sending, answering);
    // A refusal may come long before the end of the body.
    tokio::select! {
        biased;
        answer = &mut answering => return answer.map_err(refused),
        sent = &mut sending => sent?,
    }
    answering.await.map_err(refused)
}
