use kt::{host::LogReader, wire::control::LogFrom};

use super::{end::no_service, reach};
use crate::place::{Dirs, Logs, PlaceError, logs, service};

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
    if let Some(connected) = reach(dirs, name).await? {
        return logs::of(connected, from, follow).await;
    }
    let directory = dirs.service(name).join("logs");
    if !directory.is_dir() {
        return Err(no_service(dirs, name));
    }
    Ok(Logs::in_files(name, LogReader::open(&directory, from)))
}
