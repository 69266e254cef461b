//! Whether the code that runs on this thread is part of a call that has passed the gate.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// Where a call comes from that code of this process is part of.
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
    /// Of the code that asks. `None`: it is part of no call, as in a spawned task.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Cell::get).ok().flatten()
    }

    /// Runs code of a call.
    pub(crate) fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _former = Former(CURRENT.try_with(|current| current.replace(Some(self))).ok());
        work()
    }

    /// Each poll is a [`scope`](Self::scope).
    pub(crate) fn scoped<F: Future>(self, work: F) -> Scoped<F> {
        Scoped { origin: self, work }
    }
}

/// Put back at the end of a scope, also by a panic.
struct Former(Option<Option<Origin>>);

impl Drop for Former {
    fn drop(&mut self) {
        if let Some(former) = self.0 {
            // A thread that ends has no locals any more.
            let _ = CURRENT.try_with(|current| current.set(former));
        }
    }
}

pin_project! {
    pub(crate) struct Scoped<F> {
        origin: Origin,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.origin.scope(|| this.work.poll(context))
    }
}
