//! A service's log as a stream of bytes.

use bytes::Bytes;
use kt::{
    host::LogReader,
    wire::{
        control::{LogFrom, LogRequest, path},
        http::Body,
    },
};

use super::{Connected, PlaceError, alive::KeepAlive};

const PIECE: usize = 64 << 10;

/// A reader of a service's log.
#[derive(Debug)]
pub struct Logs {
    service: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host(Body, KeepAlive),
    Files(LogReader),
}

/// The log of a running service.
///
/// # Errors
/// If its host rejects the request.
pub async fn of(connected: Connected, from: LogFrom, follow: bool) -> Result<Logs, PlaceError> {
    let request = LogRequest { from, follow };
    let body = connected.stream(path::LOGS, &request).await?;
    let service = connected.service;
    let source = Source::Host(body, connected.keep_alive);
    Ok(Logs { service, source })
}

impl Logs {
    /// The log files of a service that has stopped.
    pub fn in_files(service: &str, reader: LogReader) -> Self {
        Self {
            service: service.to_owned(),
            source: Source::Files(reader),
        }
    }

    /// The next piece; `None` at the end. A followed log ends when the service stops.
    ///
    /// # Errors
    /// If the host does not answer, the connection breaks, or a file cannot be read.
    pub async fn next(&mut self) -> Option<Result<Bytes, PlaceError>> {
        let failed = |source| PlaceError::Connection {
            service: self.service.clone(),
            source,
        };
        match &mut self.source {
            Source::Host(body, keep_alive) => {
                match keep_alive.fail_if_unresponsive(body.chunk()).await {
                    Ok(chunk) => Some(chunk?.map_err(|error| failed(std::io::Error::other(error)))),
                    Err(silent) => Some(Err(silent)),
                }
            }
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
