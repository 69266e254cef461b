use std::time::Duration;

use kt::wire::{
    control::{Down, path},
    limits,
};
use rustix::process::Signal;

use super::{clean, names, process::HostProcess, reach};
use crate::place::{Dirs, PlaceError, nearest, service};

/// What a host needs to end beyond its calls' time.
const MARGIN: Duration = Duration::from_secs(5);

/// Ends a service; its calls may go on for `grace`. Asks first, then uses signals on the process that holds the lock.
///
/// # Errors
/// If there is none of this name, or nothing ends it.
pub async fn down(dirs: &Dirs, name: &str, grace: Duration) -> Result<(), PlaceError> {
    service::check(name)?;
    let process = HostProcess::holding(&dirs.lock(name));
    // Whatever keeps it from answering, being another version above all, must not keep it from being ended.
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
                // It was dead; whoever wants it gone is content only if it was there at all.
                true => Err(no_service(dirs, name)),
                false => Err(PlaceError::UnknownHost {
                    service: name.to_owned(),
                }),
            };
        }
        return Err(no_service(dirs, name));
    };
    if !(asked && process.ended_within(grace + MARGIN).await) {
        process.signal(Signal::TERM);
        // To a process that is stopped, other signals come only once it goes on: signal(7).
        process.signal(Signal::CONT);
        if !process.ended_within(limits::DRAIN + MARGIN).await {
            process.signal(Signal::KILL);
            if !process.ended_within(MARGIN).await {
                return Err(PlaceError::DoesNotEnd {
                    service: name.to_owned(),
                    pid: process.pid,
                });
            }
        }
    }
    clean(dirs, name);
    Ok(())
}

/// The error for a name that is none, with the most similar one that is.
pub fn no_service(dirs: &Dirs, name: &str) -> PlaceError {
    PlaceError::NoService {
        name: name.to_owned(),
        nearest: nearest(name, names(dirs).unwrap_or_default()),
    }
}
