//! `cargo kt logs`: what a service's workers printed.

use std::io::{self, Write};

use kt::wire::control::LogFrom;

use crate::place::{self, Dirs, PlaceError};

/// Whose log, and whether to go on with what comes.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub service: String,
    pub follow: bool,
}

/// Why a log could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to write: {0}")]
    Write(#[from] io::Error),
}

/// Prints the log as it is, to its end or the service's.
///
/// # Errors
/// If there is no such service, or the connection to it breaks. A reader that goes away is none.
pub async fn run(
    dirs: &Dirs,
    arguments: Arguments,
    out: &mut (dyn Write + Send),
) -> Result<(), LogsError> {
    let mut logs = place::logs(dirs, &arguments.service, LogFrom::Start, arguments.follow).await?;
    while let Some(piece) = logs.next().await {
        match out.write_all(&piece?).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}
