//! A service's log in pieces of which it is known who can have printed them.

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

/// A log that is read.
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

/// The log of a service that is there.
///
/// # Errors
/// If its host refuses.
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
        match &mut self.source {
            Source::Host(frames, connected) => connected.next(frames).await,
            Source::Files(reader) => reader.read().map_err(|source| PlaceError::Connection {
                service: self.service.clone(),
                source,
            }),
        }
    }
}
