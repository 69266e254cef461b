//! The user code that runs when a former value is released: its hook and its destructor.

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
    state::{StateDescriptor, descriptor::Old, vtable::BoxedValue},
    wire::state::StillHeld,
};

/// How long a hook may run before a message is printed.
const HOOK: Duration = Duration::from_secs(10);

/// Starts a thread with the same stack size as other user code.
pub(super) fn user_thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = thread::Builder::new()
        .name("kt-former".into())
        .stack_size(runtime::stack_size());
    thread.spawn(work).map(drop)
}

/// Runs a hook to completion, and prints a message if that takes long.
pub(super) fn run_hook(
    hook: fn(Old),
    value: Value,
    users: &Handle,
    name: &str,
) -> Result<(), String> {
    let (sender, done) = mpsc::channel();
    let users = users.clone();
    user_thread(move || {
        let _entered = users.enter();
        let value = value;
        let _ = sender.send(catch(|| hook(Old(value.at))));
    })
    .map_err(|error| format!("no thread could be started for it: {error}"))?;
    let ended = done.recv_timeout(HOOK).or_else(|_| {
        eprintln!(
            "kt: `on_reset` of state `{name}` has not returned after {HOOK:?}; the former value is still held"
        );
        done.recv()
    });
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(panic)) => Err(format!("`on_reset` panicked: {}", panic.message)),
        Err(_) => Err("its thread exited without a result".to_owned()),
    }
}

/// Takes the value out of its lock and drops it.
pub(super) fn take(descriptor: &StateDescriptor, value: Value) -> Result<(), StillHeld> {
    let vtable = (descriptor.vtable)();
    let exchange = vtable.exchange.ok_or(StillHeld::NoLock)?;
    let exchanged = catch(|| {
        // SAFETY: the bits are those of an unused initial value of this descriptor's type.
        let mut other: BoxedValue = unsafe { (vtable.clone_initial)(value.initial) };
        // SAFETY: both are of the descriptor's type.
        let exchanged =
            unsafe { exchange(value.at, &mut other, Instant::now() + LOCK, &mut || true) };
        match exchanged {
            // Runs its destructor; a panic is caught by the closure.
            Ok(()) => drop(other),
            // The unused initial value: running its destructor could have effects that the user
            // does not expect.
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
