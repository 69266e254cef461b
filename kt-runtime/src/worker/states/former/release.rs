//! The user's own code that ends a former value: its hook and its destructor.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{LOCK, Value};
use crate::{
    fault::catch,
    runtime,
    state::{StateDescriptor, abilities::Made, descriptor::Old},
    wire::state::StillHeld,
};

/// How long a hook may take before that is printed.
const HOOK: Duration = Duration::from_secs(10);

/// A thread with the stack that the user's code has elsewhere.
pub(super) fn user_thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = thread::Builder::new()
        .name("kt-former".into())
        .stack_size(runtime::stack_size());
    thread.spawn(work).map(drop)
}

/// Runs a hook to its end, and says so if that is long in coming.
pub(super) fn run_hook(
    hook: fn(Old),
    value: Value,
    users: &Handle,
    name: &str,
) -> Result<(), String> {
    let (told, done) = mpsc::channel();
    let users = users.clone();
    user_thread(move || {
        let _entered = users.enter();
        let value = value;
        let _ = told.send(catch(|| hook(Old(value.at))));
    })
    .map_err(|error| format!("no thread could be started for it: {error}"))?;
    let ended = done.recv_timeout(HOOK).or_else(|_| {
        eprintln!(
            "kt: `on_reset` of state `{name}` has not returned after {HOOK:?}; its former value is still held"
        );
        done.recv()
    });
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(panic)) => Err(format!("it panicked: {}", panic.message)),
        Err(_) => Err("its thread is gone".to_owned()),
    }
}

/// Takes the value out of its lock and drops it.
pub(super) fn take(descriptor: &StateDescriptor, value: Value) -> Result<(), StillHeld> {
    let abilities = (descriptor.abilities)();
    let exchange = abilities.exchange.ok_or(StillHeld::NoLock)?;
    let exchanged = catch(|| {
        // SAFETY: the bits are those of an unused initial value of this descriptor's type.
        let mut other: Made = unsafe { (abilities.again)(value.initial) };
        // SAFETY: both are of the descriptor's type.
        let exchanged =
            unsafe { exchange(value.at, &mut other, Instant::now() + LOCK, &mut || true) };
        match exchanged {
            // Its destructor runs here, and its panic ends here.
            Ok(()) => drop(other),
            // An initial value that nobody asked for: its destructor would tell of an end that there was not.
            Err(_) => drop(other.leak()),
        }
        exchanged
    });
    match exchanged {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(StillHeld::Locked),
        Err(panic) => Err(StillHeld::Failed(panic.message)),
    }
}
