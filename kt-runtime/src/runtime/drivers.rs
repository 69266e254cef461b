//! Whether a tokio runtime has what kt needs of it. A runtime that was built without `enable_all` has no timers or no I/O,
//! and tokio says so in no other way than by a panic.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    thread,
    time::Duration,
};

use tokio::runtime::{Handle, Id};

/// What a future needs of the runtime that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Timers,
    /// Timers and sockets.
    #[cfg(any(kt, feature = "host"))]
    All,
}

thread_local! {
    /// The runtime that this thread asked about last.
    static KNOWN: Cell<Option<Known>> = const { Cell::new(None) };
    /// Set while a panic on this thread is an answer and no fault.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the current runtime has what is needed.
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
            // Its own failure, no descriptor left, is for the connection to tell.
            #[cfg(any(kt, feature = "host"))]
            sockets: succeeds(|| drop(tokio::net::UnixDatagram::unbound())),
        }
    }
}

/// Whether that does not panic. The panic is not shown.
fn succeeds(question: impl FnOnce()) -> bool {
    if thread::panicking() {
        // A destructor makes a call: no hook can be set now.
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
    fn a_runtime_without_its_drivers_is_told_from_one_that_has_them() {
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
