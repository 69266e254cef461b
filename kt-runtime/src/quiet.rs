//! Keeps kt's own tasks out of the user's `tracing` subscriber. h2 and tokio emit an event for
//! nearly every frame: a subscriber that prints events would cause further events with each line.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tracing_core::{
    dispatcher::{self, DefaultGuard, Dispatch},
    subscriber::NoSubscriber,
};

thread_local! {
    /// Keeps the no-op subscriber set while kt's own code runs on this thread.
    static SILENCE: Cell<Option<DefaultGuard>> = const { Cell::new(None) };
}

/// Runs `work` without the user's subscriber.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let _end = Undo(begin().then_some(Silence::End));
    work()
}

/// Runs user code inside of code that runs [`quietly`], with the user's subscriber.
pub(crate) fn aloud<T>(work: impl FnOnce() -> T) -> T {
    let _begin = Undo(end().then_some(Silence::Begin));
    work()
}

/// Whether a subscriber receives the events of user code on this thread.
pub(crate) fn has_subscriber() -> bool {
    dispatcher::has_been_set()
        && aloud(|| dispatcher::get_default(|current| !current.is::<NoSubscriber>()))
}

enum Silence {
    Begin,
    End,
}

/// Undone at the end of a scope, also after a panic.
struct Undo(Option<Silence>);

impl Drop for Undo {
    fn drop(&mut self) {
        match self.0 {
            Some(Silence::Begin) => {
                begin();
            }
            Some(Silence::End) => {
                end();
            }
            None => {}
        }
    }
}

/// Returns whether that changed anything.
fn begin() -> bool {
    // Without a subscriber there is nothing to suppress. Setting one, even the no-op one, would
    // disable the fallback of `tracing` to the `log` crate for the whole process.
    if !dispatcher::has_been_set() {
        return false;
    }
    // An exiting thread has no thread-locals any more: then nothing is suppressed.
    let began = SILENCE.try_with(|silence| {
        let former = silence.take();
        let begins = former.is_none();
        silence.set(former.or_else(|| Some(dispatcher::set_default(&Dispatch::none()))));
        begins
    });
    began.unwrap_or(false)
}

/// Returns whether that changed anything.
fn end() -> bool {
    let former = SILENCE.try_with(Cell::take).ok().flatten();
    // Dropping the guard restores the previous subscriber.
    former.is_some()
}

pin_project! {
    /// A future of kt's own: polled and dropped [`quietly`].
    pub(crate) struct Quiet<F> {
        // `None` once it has completed.
        #[pin]
        work: Option<F>,
    }

    impl<F> PinnedDrop for Quiet<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut work = this.project().work;
            if work.is_some() {
                quietly(|| work.set(None));
            }
        }
    }
}

impl<F> Quiet<F> {
    pub(crate) fn new(work: F) -> Self {
        Self { work: Some(work) }
    }
}

impl<F: Future> Future for Quiet<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut work = self.project().work;
        quietly(|| {
            let polled = match work.as_mut().as_pin_mut() {
                Some(future) => future.poll(context),
                None => unreachable!("a future is not polled after completion"),
            };
            if polled.is_ready() {
                work.set(None);
            }
            polled
        })
    }
}

#[cfg(test)]
mod tests {
    use tracing_core::{
        Event, Metadata, Subscriber,
        span::{Attributes, Id, Record},
    };

    use super::*;

    struct Users;

    impl Subscriber for Users {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    fn users() -> bool {
        dispatcher::get_default(|dispatch| dispatch.is::<Users>())
    }

    #[tokio::test]
    async fn the_users_subscriber_is_set_for_user_code_only() {
        let _set = dispatcher::set_default(&Dispatch::new(Users));
        let seen = Quiet::new(async {
            let outer = users();
            let inner = aloud(|| (users(), quietly(users), users()));
            tokio::task::yield_now().await;
            (outer, inner, users(), quietly(users), users())
        });
        assert!(users());
        let (outer, inner, later, nested, end) = seen.await;
        assert_eq!(inner, (true, false, true));
        assert!(!outer && !later && !nested && !end);
        assert!(users());
    }

    #[test]
    fn a_future_is_dropped_without_the_users_subscriber() {
        struct Drops<'a>(&'a Cell<Option<bool>>);
        impl Drop for Drops<'_> {
            fn drop(&mut self) {
                self.0.set(Some(users()));
            }
        }
        let _set = dispatcher::set_default(&Dispatch::new(Users));
        let seen = Cell::new(None);
        let drops = Drops(&seen);
        drop(Quiet::new(async move {
            let _drops = drops;
        }));
        assert_eq!(seen.get(), Some(false));
        let _ = std::panic::catch_unwind(|| quietly(|| panic!("in kt's code")));
        assert!(users(), "a panic restores the subscriber");
    }
}
