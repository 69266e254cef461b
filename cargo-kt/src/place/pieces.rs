//! A service's log in pieces, each with the generations and calls that may have printed it.

use kt::{
    host::PieceReader,
    wire::{
        control::{LogFrom, LogRequest},
        frames::Frames,
        inspect::{LogPiece, path},
        limits,
    },
};

use super::{Connected, PlaceError};

/// A reader of a service's log.
#[derive(Debug)]
pub struct Pieces {
    service: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host(Frames, Box<Connected>),
    Files(PieceReader),
}

/// The log of a running service.
///
/// # Errors
/// If its host rejects the request.
pub async fn of(connected: Connected, from: LogFrom, follow: bool) -> Result<Pieces, PlaceError> {
    let request = LogRequest { from, follow };
    let body = connected.stream(path::LOG_PIECES, &request).await?;
    let frames = Frames::new(body, limits::CONTROL);
    Ok(Pieces {
        service: connected.service.clone(),
        source: Source::Host(frames, Box::new(connected)),
    })
}

impl Pieces {
    /// The log files of a service that has stopped.
    pub fn in_files(service: &str, reader: PieceReader) -> Self {
        Self {
            service: service.to_owned(),
            source: Source::Files(reader),
        }
    }

    /// The next piece; `None` at the end. A followed log ends when the service stops.
    ///
    /// # Errors
    /// If the host does not answer, the connection breaks, or a file cannot be read.
    pub async fn next(&mut self) -> Result<Option<LogPiece>, PlaceError> {
        match &mut self.source {
            Source::Host(frames, connected) => connected.next(frames).await,
            Source::Files(reader) => reader.read().map_err(|source| PlaceError::Connection {
                service: self.service.clone(),
                source,
            }),
        }
    }
}
