//! A service's log in pieces of which it is known who can have printed them.

use bytes::BytesMut;
use kt::{
    host::PieceReader,
    wire::{
        client, codec,
        control::{LogFrom, LogRequest},
        frame,
        http::Body,
        inspect::{LogPiece, path},
        limits,
    },
};

use super::{Connected, PlaceError, alive::Alive};

/// A log that is read.
#[derive(Debug)]
pub struct Pieces {
    service: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host {
        body: Body,
        buffer: BytesMut,
        alive: Alive,
    },
    Files(PieceReader),
}

/// The log of a service that is there.
///
/// # Errors
/// If its host refuses.
pub async fn of(connected: Connected, from: LogFrom, follow: bool) -> Result<Pieces, PlaceError> {
    let request = LogRequest { from, follow };
    let service = connected.service.clone();
    let refused = |source| PlaceError::Request {
        service: service.clone(),
        source,
    };
    let body = codec::encode(&request, limits::CONTROL)
        .map_err(|error| refused(client::RequestError::Codec(error)))?;
    let asking = connected
        .client
        .request(client::post(path::LOG_PIECES), body.into());
    let response = connected
        .unless_silent(asking)
        .await?
        .map_err(|error| refused(client::RequestError::Http(error)))?;
    if !response.status().is_success() {
        let status = response.status();
        let refusal = client::Client::answer(response).await;
        let unknown = || client::RequestError::Refused(status, String::new());
        return Err(refused(refusal.err().unwrap_or_else(unknown)));
    }
    let source = Source::Host {
        body: response.into_body(),
        buffer: BytesMut::new(),
        alive: connected.alive,
    };
    Ok(Pieces { service, source })
}

impl Pieces {
    /// The log that a service has left in files.
    pub fn in_files(service: &str, reader: PieceReader) -> Self {
        Self {
            service: service.to_owned(),
            source: Source::Files(reader),
        }
    }

    /// The next piece; `None` at the end, which for a followed log is the service's.
    ///
    /// # Errors
    /// If the host is silent, the connection breaks, or a file cannot be read.
    pub async fn next(&mut self) -> Result<Option<LogPiece>, PlaceError> {
        let failed = |source| PlaceError::Connection {
            service: self.service.clone(),
            source,
        };
        match &mut self.source {
            Source::Files(reader) => reader.read().map_err(failed),
            Source::Host {
                body,
                buffer,
                alive,
            } => loop {
                let piece = frame::decode(buffer, limits::CONTROL);
                if let Some(piece) = piece.map_err(|error| failed(std::io::Error::other(error)))? {
                    return Ok(Some(piece));
                }
                match alive.unless_silent(body.chunk()).await? {
                    None => return Ok(None),
                    Some(chunk) => buffer.extend_from_slice(
                        &chunk.map_err(|error| failed(std::io::Error::other(error)))?,
                    ),
                }
            },
        }
    }
}
