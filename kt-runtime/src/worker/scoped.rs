//! A value that is available to all code on this thread while certain code runs.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
    thread::LocalKey,
};

use pin_project_lite::pin_project;

/// Where the value is stored; `None` outside of all scopes.
pub(crate) type Local<T> = LocalKey<Cell<Option<T>>>;

/// The value of the current scope.
pub(crate) fn current<T: Copy + 'static>(local: &'static Local<T>) -> Option<T> {
    // An exiting thread has no thread-locals any more.
    local.try_with(Cell::get).ok().flatten()
}

/// Runs code in a scope.
pub(crate) fn scope<T: Copy + 'static, R>(
    local: &'static Local<T>,
    value: T,
    work: impl FnOnce() -> R,
) -> R {
    let former = local.try_with(|current| current.replace(Some(value))).ok();
    let _former = Former { local, former };
    work()
}

/// Restores the former value at the end of a scope, also after a panic.
struct Former<T: Copy + 'static> {
    local: &'static Local<T>,
    former: Option<Option<T>>,
}

impl<T: Copy + 'static> Drop for Former<T> {
    fn drop(&mut self) {
        if let Some(former) = self.former {
            let _ = self.local.try_with(|current| current.set(former));
        }
    }
}

pin_project! {
    /// A future that enters a scope at each poll.
    pub(crate) struct Scoped<T: 'static, F> {
        local: &'static Local<T>,
        value: T,
        #[pin]
        work: F,
    }
}

impl<T: 'static, F> Scoped<T, F> {
    pub(crate) fn new(local: &'static Local<T>, value: T, work: F) -> Self {
        Self { local, value, work }
    }
}

impl<T: Copy + 'static, F: Future> Future for Scoped<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        scope(this.local, *this.value, || this.work.poll(context))
    }
}
