//! A service's log, piece by piece.

use bytes::Bytes;
use kt::{
    host::LogReader,
    wire::{
        control::{LogFrom, LogRequest, path},
        http::Body,
    },
};

use super::{Connected, PlaceError, alive::Alive};

const PIECE: usize = 64 << 10;

/// A log that is read.
#[derive(Debug)]
pub struct Logs {
    service: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host(Body, Alive),
    Files(LogReader),
}

/// The log of a service that is there.
///
/// # Errors
/// If its host refuses.
pub async fn of(connected: Connected, from: LogFrom, follow: bool) -> Result<Logs, PlaceError> {
    let request = LogRequest { from, follow };
    let body = connected.stream(path::LOGS, &request).await?;
    let service = connected.service;
    let source = Source::Host(body, connected.alive);
    Ok(Logs { service, source })
}

impl Logs {
    /// The log that a service has left in files.
    pub fn in_files(service: &str, reader: LogReader) -> Self {
        Self {
            service: service.to_owned(),
            source: Source::Files(reader),
        }
    }

    /// The next piece; `None` at the end, which for a followed log is the service's.
    ///
    /// # Errors
    /// If the host is silent, the connection breaks, or a file cannot be read.
    pub async fn next(&mut self) -> Option<Result<Bytes, PlaceError>> {
        let failed = |source| PlaceError::Connection {
            service: self.service.clone(),
            source,
        };
        match &mut self.source {
            Source::Host(body, alive) => match alive.unless_silent(body.chunk()).await {
                Ok(chunk) => Some(chunk?.map_err(|error| failed(std::io::Error::other(error)))),
                Err(silent) => Some(Err(silent)),
            },
            Source::Files(reader) => {
                let mut piece = vec![0; PIECE];
                match reader.read(&mut piece) {
                    Ok(0) => None,
                    Ok(read) => {
                        piece.truncate(read);
                        Some(Ok(piece.into()))
                    }
                    Err(error) => Some(Err(failed(error))),
                }
            }
        }
    }
}
