//! Which function a program called, known to whatever runs for that call on this thread.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

thread_local! {
    static CURRENT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The key of the function that was called; `None` in a task or thread of the program's own.
pub(super) fn current() -> Option<&'static str> {
    CURRENT.try_with(Cell::get).ok().flatten()
}

/// A call to the function of this key.
#[derive(Debug, Clone, Copy)]
pub(in crate::worker) struct Called(pub(in crate::worker) &'static str);

impl Called {
    /// Runs code of the call.
    pub(in crate::worker) fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _former = Former(
            CURRENT
                .try_with(|current| current.replace(Some(self.0)))
                .ok(),
        );
        work()
    }

    /// Each poll is a [`scope`](Self::scope).
    pub(in crate::worker) fn scoped<F: Future>(self, work: F) -> Scoped<F> {
        Scoped { called: self, work }
    }
}

/// Put back at the end of a scope, also by a panic.
struct Former(Option<Option<&'static str>>);

impl Drop for Former {
    fn drop(&mut self) {
        if let Some(former) = self.0 {
            // A thread that ends has no locals any more.
            let _ = CURRENT.try_with(|current| current.set(former));
        }
    }
}

pin_project! {
    pub(in crate::worker) struct Scoped<F> {
        called: Called,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.called.scope(|| this.work.poll(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn code_of_a_call_knows_which_function_was_called_at_each_poll() {
        let work = async {
            let first = current();
            tokio::task::yield_now().await;
            (first, current())
        };
        assert_eq!(
            Called("app::work").scoped(work).await,
            (Some("app::work"), Some("app::work"))
        );
        assert_eq!(current(), None);
    }
}
