use std::time::Duration;

use kt::wire::{
    control::{Down, path},
    limits,
};
use rustix::process::Signal;

use super::{HostProcess, clean, names, reach};
use crate::place::{Dirs, PlaceError, nearest, service};

/// Time that a host needs to stop, beyond the time for its calls.
const MARGIN: Duration = Duration::from_secs(5);

/// Stops a service; running calls have `grace` to finish. Sends a request first, then signals to
/// the process that holds the lock.
///
/// # Errors
/// If it does not exist, or cannot be stopped.
pub async fn down(dirs: &Dirs, name: &str, grace: Duration) -> Result<(), PlaceError> {
    service::check(name)?;
    let process = HostProcess::holding(&dirs.lock(name));
    // A host that does not answer, for example because of another version, must still be stopped.
    let connected = reach(dirs, name).await;
    let asked = match &connected {
        Ok(Some(connected)) => {
            let grace_ms = grace.as_millis().try_into().unwrap_or(u64::MAX);
            let down = Down { grace_ms };
            connected.ask::<_, ()>(path::DOWN, &down).await.is_ok()
        }
        _ => false,
    };
    drop(connected);
    let Some(process) = process else {
        if dirs.runtime.join(name).is_dir() {
            return match clean(dirs, name) {
                // Only leftovers of a dead host existed.
                true => Err(no_service(dirs, name)),
                false => Err(PlaceError::UnknownHost {
                    service: name.to_owned(),
                }),
            };
        }
        return Err(no_service(dirs, name));
    };
    if !(asked && process.exited_within(grace + MARGIN).await) {
        process.signal(Signal::TERM);
        // A stopped process receives other signals only after SIGCONT: signal(7).
        process.signal(Signal::CONT);
        if !process.exited_within(limits::DRAIN + MARGIN).await {
            process.signal(Signal::KILL);
            if !process.exited_within(MARGIN).await {
                return Err(PlaceError::DidNotStop {
                    service: name.to_owned(),
                    pid: process.pid,
                });
            }
        }
    }
    clean(dirs, name);
    Ok(())
}

/// The error for an unknown name, with the closest existing name.
pub fn no_service(dirs: &Dirs, name: &str) -> PlaceError {
    PlaceError::NoService {
        name: name.to_owned(),
        nearest: nearest(name, names(dirs).unwrap_or_default()),
    }
}
