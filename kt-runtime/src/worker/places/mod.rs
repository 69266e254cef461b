//! The place of each call: on which thread, or at which `.await`.
//!
//! A thread's stack can be read from outside. A pending future has no stack: what it waits for is
//! in its fields, whose layout only full debug information describes, and the developer's machine
//! has none for an older generation. So the future itself reports it on request: it is polled once
//! more, as any future may be at any time, with a [waker](crate::sys::waker) that records the stack
//! of the code that clones it. That code is the leaf future, polled through all futures that wait
//! for it.

mod collect;
mod trace;

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

pub(super) use self::collect::collect;

use pin_project_lite::pin_project;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    sys::thread,
    wire::calls::{CallPlace, Waits},
};

/// Stacks of pending leaf futures, as code addresses.
type Stacks = Vec<Vec<usize>>;

/// Where a call waits, as its own poll found it.
#[derive(Debug)]
struct Report {
    /// The requester's index of the call.
    index: usize,
    /// As in [`CallPlace`], including that poll.
    turns: u64,
    stacks: Stacks,
}

/// Where a call is.
#[derive(Default)]
pub(crate) struct Place {
    /// 0: no thread runs its code.
    thread: AtomicU32,
    turns: AtomicU64,
    /// Whether `waiting` has a request; read at each poll.
    asked: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// From its latest poll, if that was pending.
    waker: Option<Waker>,
    /// The call's index in the pending request, and its sender.
    asker: Option<(usize, UnboundedSender<Report>)>,
}

/// A thread that runs code of a call.
struct Running<'a>(&'a Place);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.thread.store(0, Ordering::Release);
    }
}

impl Place {
    /// Runs code of the call.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _running = self.enter();
        work()
    }

    /// Each poll runs code of the call.
    pub(crate) fn followed<F: Future>(self: &Arc<Self>, work: F) -> Followed<F> {
        Followed {
            place: Arc::clone(self),
            work,
        }
    }

    fn enter(&self) -> Running<'_> {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.thread.store(thread::id(), Ordering::Release);
        Running(self)
    }

    /// The current place, without what it waits for.
    fn look(&self) -> CallPlace {
        let thread = self.thread.load(Ordering::Acquire);
        let has_begun = thread != 0 || self.waiting().waker.is_some();
        CallPlace {
            turns: self.turns.load(Ordering::Relaxed),
            thread: (thread != 0).then_some(thread),
            waits: match has_begun {
                true => Waits::NotAsked,
                false => Waits::NotBegun,
            },
        }
    }

    /// Has the call polled once more and its place reported to `asker`. Returns false if there is
    /// nothing to poll.
    fn ask(&self, index: usize, asker: UnboundedSender<Report>) -> bool {
        let waker = {
            let mut waiting = self.waiting();
            let Some(waker) = waiting.waker.clone() else {
                return false;
            };
            waiting.asker = Some((index, asker));
            self.asked.store(true, Ordering::Release);
            waker
        };
        waker.wake();
        true
    }

    /// Withdraws the request.
    fn stop_asking(&self) {
        self.asked.store(false, Ordering::Release);
        self.waiting().asker = None;
    }

    /// Stores the waker to poll it again.
    fn remember(&self, waker: &Waker) {
        let mut waiting = self.waiting();
        match &mut waiting.waker {
            Some(known) if known.will_wake(waker) => {}
            known => *known = Some(waker.clone()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// A future with a known place.
    pub(crate) struct Followed<F> {
        place: Arc<Place>,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Followed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let place: &Place = this.place;
        let running = place.enter();
        let polled = match place.asked.swap(false, Ordering::AcqRel) {
            false => this.work.poll(context),
            true => trace::poll(place, this.work, context),
        };
        // A reader that sees no thread always finds the waker.
        if polled.is_pending() {
            place.remember(context.waker());
        }
        drop(running);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_pending_call_reports_the_stack_of_what_it_waits_for_and_continues() {
        let place = Arc::new(Place::default());
        assert_eq!(place.look().waits, Waits::NotBegun);
        let (open, opened) = tokio::sync::oneshot::channel::<u32>();
        let inner = async move { opened.await.unwrap() + 1 };
        let call = tokio::spawn(place.followed(async move { inner.await + 1 }));
        while place.look().waits == Waits::NotBegun {
            tokio::task::yield_now().await;
        }
        let (sender, mut reports) = mpsc::unbounded_channel();
        assert!(place.ask(7, sender));
        let Report {
            index,
            turns,
            stacks,
        } = reports.recv().await.unwrap();
        assert_eq!((index, stacks.len()), (7, 1));
        // The channel's future, both blocks, and what is around each poll.
        assert!(stacks[0].len() >= 3, "{stacks:?}");
        // A second request is answered too, although the waker is known now.
        let (sender, mut reports) = mpsc::unbounded_channel();
        assert!(place.ask(8, sender));
        let again = reports.recv().await.unwrap();
        assert_eq!((again.stacks.len(), again.turns), (1, turns + 1));
        open.send(1).unwrap();
        assert_eq!(call.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn all_concurrently_pending_futures_of_a_call_are_reported() {
        let place = Arc::new(Place::default());
        let work = place.followed(async {
            let wait = || tokio::time::sleep(Duration::from_secs(1000));
            tokio::join!(wait(), wait())
        });
        let call = tokio::spawn(work);
        while place.look().waits == Waits::NotBegun {
            tokio::task::yield_now().await;
        }
        let (sender, mut reports) = mpsc::unbounded_channel();
        assert!(place.ask(0, sender));
        assert_eq!(reports.recv().await.unwrap().stacks.len(), 2);
        call.abort();
    }

    #[test]
    fn a_thread_that_runs_a_call_is_known_by_its_number() {
        let place = Place::default();
        let inside = place.run(|| place.look());
        assert_eq!((inside.thread, inside.turns), (Some(thread::id()), 1));
        let after = place.look();
        assert_eq!((after.thread, after.turns), (None, 1));
    }
}
