//! Which function a driver called, available to the code of that call on this thread.

use std::cell::Cell;

use crate::worker::scoped::{self, Scoped};

thread_local! {
    static CURRENT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The key of the called function; `None` in a task or thread that the program started.
pub(super) fn current() -> Option<&'static str> {
    scoped::current(&CURRENT)
}

/// A call of the function with this key.
#[derive(Debug, Clone, Copy)]
pub(in crate::worker) struct Called(pub(in crate::worker) &'static str);

impl Called {
    /// Runs code of the call.
    pub(in crate::worker) fn scope<T>(self, work: impl FnOnce() -> T) -> T {
        scoped::scope(&CURRENT, self.0, work)
    }

    /// Each poll is a [`scope`](Self::scope).
    pub(in crate::worker) fn scoped<F: Future>(self, work: F) -> Scoped<&'static str, F> {
        Scoped::new(&CURRENT, self.0, work)
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
