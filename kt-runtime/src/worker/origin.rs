//! Whether the code on this thread is part of a call that has passed the gate.

use std::cell::Cell;

use super::scoped::{self, Scoped};

/// The origin of the call that this code is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A driver made it, or a call that a driver made.
    Driver,
    /// A task or thread that outlives calls made it.
    Background,
}

thread_local! {
    static CURRENT: Cell<Option<Origin>> = const { Cell::new(None) };
}

impl Origin {
    /// The origin of the calling code. `None` outside of any call, as in a spawned task.
    pub(crate) fn current() -> Option<Self> {
        scoped::current(&CURRENT)
    }

    /// Runs code of a call.
    pub(crate) fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        scoped::scope(&CURRENT, self, work)
    }

    /// Each poll is a [`scope`](Self::scope).
    pub(crate) fn scoped<F: Future>(self, work: F) -> Scoped<Self, F> {
        Scoped::new(&CURRENT, self, work)
    }
}
