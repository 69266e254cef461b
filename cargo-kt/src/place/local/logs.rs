use std::path::PathBuf;

use kt::{
    host::{LogReader, PieceReader},
    wire::control::LogFrom,
};

use super::{HostProcess, down::no_service, reach};
use crate::place::{Dirs, Logs, Pieces, PlaceError, logs, pieces, service};

/// Opens the log of a running or stopped service.
///
/// # Errors
/// If it never existed, or its host rejects the request.
pub async fn logs(
    dirs: &Dirs,
    name: &str,
    from: LogFrom,
    follow: bool,
) -> Result<Logs, PlaceError> {
    service::check(name)?;
    if let Some(connected) = reach(dirs, name).await? {
        return logs::of(connected, from, follow).await;
    }
    let directory = log_directory(dirs, name)?;
    Ok(Logs::in_files(name, LogReader::open(&directory, from)))
}

/// As [`logs`], with the possible origin of each piece.
///
/// # Errors
/// As [`logs`].
pub async fn log_pieces(
    dirs: &Dirs,
    name: &str,
    from: LogFrom,
    follow: bool,
) -> Result<Pieces, PlaceError> {
    service::check(name)?;
    if let Some(connected) = reach(dirs, name).await? {
        return pieces::of(connected, from, follow).await;
    }
    let directory = log_directory(dirs, name)?;
    Ok(Pieces::in_files(name, PieceReader::open(&directory, from)))
}

/// Names of a host's log files in its directory, the older one first.
pub const HOST_LOGS: [&str; 2] = ["host.log.old", "host.log"];

/// The directory with the log of a service's host, and the host's process if it runs.
///
/// # Errors
/// If the service never existed.
pub fn host_log(dirs: &Dirs, name: &str) -> Result<(PathBuf, Option<HostProcess>), PlaceError> {
    service::check(name)?;
    let directory = dirs.service(name);
    if !HOST_LOGS.iter().any(|file| directory.join(file).is_file()) {
        return Err(no_service(dirs, name));
    }
    Ok((directory, HostProcess::holding(&dirs.lock(name))))
}

/// The log directory of a stopped service.
fn log_directory(dirs: &Dirs, name: &str) -> Result<PathBuf, PlaceError> {
    let directory = dirs.service(name).join("logs");
    match directory.is_dir() {
        true => Ok(directory),
        false => Err(no_service(dirs, name)),
    }
}
