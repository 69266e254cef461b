use bytes::Bytes;
use kt::{
    host::LogReader,
    wire::{
        client, codec,
        control::{LogFrom, LogRequest, path},
        http::Body,
        limits,
    },
};

use super::{end::no_service, reach};
use crate::place::{Dirs, PlaceError, alive::Alive, service};

const PIECE: usize = 64 << 10;

/// A service's log, piece by piece.
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

/// Opens the log of a service, or what one that has ended left.
///
/// # Errors
/// If there was none of this name, or its host refuses.
pub async fn logs(
    dirs: &Dirs,
    name: &str,
    from: LogFrom,
    follow: bool,
) -> Result<Logs, PlaceError> {
    service::check(name)?;
    let service = name.to_owned();
    let Some(connected) = reach(dirs, name).await? else {
        let directory = dirs.service(name).join("logs");
        if !directory.is_dir() {
            return Err(no_service(dirs, name));
        }
        let source = Source::Files(LogReader::open(&directory, from));
        return Ok(Logs { service, source });
    };
    let request = LogRequest { from, follow };
    let refused = |source| PlaceError::Request {
        service: name.to_owned(),
        source,
    };
    let body = codec::encode(&request, limits::CONTROL)
        .map_err(|error| refused(client::RequestError::Codec(error)))?;
    let response = connected
        .unless_silent(
            connected
                .client
                .request(client::post(path::LOGS), body.into()),
        )
        .await?
        .map_err(|error| refused(client::RequestError::Http(error)))?;
    if !response.status().is_success() {
        let refusal = client::Client::answer(response).await;
        return Err(match refusal {
            Err(error) => refused(error),
            Ok(_) => no_service(dirs, name),
        });
    }
    let source = Source::Host(response.into_body(), connected.alive);
    Ok(Logs { service, source })
}

impl Logs {
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
