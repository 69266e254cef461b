//! Checks whether a tokio runtime has the drivers that kt needs. A runtime built without
//! `enable_all` lacks timers or I/O, and tokio reports that only by a panic.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    thread,
    time::Duration,
};

use tokio::runtime::{Handle, Id};

/// The drivers that a future needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Timers,
    /// Timers and sockets.
    #[cfg(any(kt, feature = "host"))]
    All,
}

thread_local! {
    /// The runtime that this thread checked last.
    static KNOWN: Cell<Option<Known>> = const { Cell::new(None) };
    /// Set while a panic on this thread is an expected result.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the current runtime has the needed drivers.
pub(super) fn has(runtime: &Handle, needs: Needs) -> bool {
    if needs == Needs::Nothing {
        return true;
    }
    let id = runtime.id();
    let known = KNOWN.get().filter(|known| known.id == id);
    let known = known.unwrap_or_else(|| {
        let known = Known::find(id);
        KNOWN.set(Some(known));
        known
    });
    match needs {
        Needs::Nothing => true,
        Needs::Timers => known.timers,
        #[cfg(any(kt, feature = "host"))]
        Needs::All => known.timers && known.sockets,
    }
}

#[derive(Clone, Copy)]
struct Known {
    id: Id,
    timers: bool,
    #[cfg(any(kt, feature = "host"))]
    sockets: bool,
}

impl Known {
    fn find(id: Id) -> Self {
        Self {
            id,
            timers: succeeds(|| drop(tokio::time::sleep(Duration::ZERO))),
            // If it fails without a panic, for lack of descriptors, the connection will report
            // that.
            #[cfg(any(kt, feature = "host"))]
            sockets: succeeds(|| drop(tokio::net::UnixDatagram::unbound())),
        }
    }
}

/// Whether the closure does not panic. Suppresses the panic message.
fn succeeds(question: impl FnOnce()) -> bool {
    if thread::panicking() {
        // A destructor makes a call during a panic: no hook can be set now.
        return true;
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !ASKING.get() {
                others(info);
            }
        }));
    });
    ASKING.set(true);
    let answer = panic::catch_unwind(AssertUnwindSafe(question));
    ASKING.set(false);
    answer.is_ok()
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn missing_drivers_of_a_runtime_are_detected() {
        let asked = |builder: &mut Builder| {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                [Needs::Nothing, Needs::Timers, Needs::All].map(|needs| has(&handle, needs))
            })
        };
        for builder in [Builder::new_current_thread, Builder::new_multi_thread] {
            assert_eq!(asked(&mut builder()), [true, false, false]);
            assert_eq!(asked(builder().enable_time()), [true, true, false]);
            assert_eq!(asked(builder().enable_io()), [true, false, false]);
            assert_eq!(asked(builder().enable_all()), [true, true, true]);
        }
    }
}
