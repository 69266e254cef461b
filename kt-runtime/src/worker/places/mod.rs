//! Where each call is: on which thread, or at which `.await`.
//!
//! A thread's stack can be read from outside. A future that waits has none: what it waits for is in its fields, whose layout only
//! full debug information tells, and the developer's machine has none of an older generation. So the future tells it itself, when
//! somebody asks: it is polled once more, as any future may be at any time, with a [waker](crate::sys::waker) that takes the stack
//! of whoever keeps it. That is the future at the end of the chain, which is polled by all that wait for it.

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

/// Ways to futures that wait, as addresses of code.
type Ways = Vec<Vec<usize>>;

/// Where a call waits, as its own poll found it.
#[derive(Debug)]
struct Told {
    /// Of who asked.
    index: usize,
    /// As in [`CallPlace`], that poll included.
    turns: u64,
    ways: Ways,
}

/// Where a call is.
#[derive(Default)]
pub(crate) struct Place {
    /// 0: no thread runs code of it.
    thread: AtomicU32,
    turns: AtomicU64,
    /// Whether `waiting` has somebody who asked: to be read at each poll.
    asked: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Of its latest poll, if it has to be polled again.
    waker: Option<Waker>,
    /// Who wants to know where it waits, and the call's index there.
    asker: Option<(usize, UnboundedSender<Told>)>,
}

/// A thread runs code of a call.
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

    /// Each poll is code of the call.
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

    /// Where it is, without the way to what it waits for.
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

    /// Has it polled once more, and `asker` told where it waits. False if there is nothing to poll.
    fn ask(&self, index: usize, asker: UnboundedSender<Told>) -> bool {
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

    /// Nobody waits for it any more.
    fn stop_asking(&self) {
        self.asked.store(false, Ordering::Release);
        self.waiting().asker = None;
    }

    /// It has to be polled again by this waker.
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
    /// A future whose place is known.
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
        // Whoever sees that no thread runs it finds its waker.
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
    async fn a_call_that_waits_tells_the_way_to_what_it_waits_for_and_goes_on() {
        let place = Arc::new(Place::default());
        assert_eq!(place.look().waits, Waits::NotBegun);
        let (open, opened) = tokio::sync::oneshot::channel::<u32>();
        let inner = async move { opened.await.unwrap() + 1 };
        let call = tokio::spawn(place.followed(async move { inner.await + 1 }));
        while place.look().waits == Waits::NotBegun {
            tokio::task::yield_now().await;
        }
        let (sender, mut told) = mpsc::unbounded_channel();
        assert!(place.ask(7, sender));
        let Told { index, turns, ways } = told.recv().await.unwrap();
        assert_eq!((index, ways.len()), (7, 1));
        // The channel's future, both blocks, and what is around each poll.
        assert!(ways[0].len() >= 3, "{ways:?}");
        // Asked again it tells again, though its waker is known now.
        let (sender, mut told) = mpsc::unbounded_channel();
        assert!(place.ask(8, sender));
        let again = told.recv().await.unwrap();
        assert_eq!((again.ways.len(), again.turns), (1, turns + 1));
        open.send(1).unwrap();
        assert_eq!(call.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn all_futures_that_a_call_waits_for_at_once_are_told() {
        let place = Arc::new(Place::default());
        let work = place.followed(async {
            let wait = || tokio::time::sleep(Duration::from_secs(1000));
            tokio::join!(wait(), wait())
        });
        let call = tokio::spawn(work);
        while place.look().waits == Waits::NotBegun {
            tokio::task::yield_now().await;
        }
        let (sender, mut told) = mpsc::unbounded_channel();
        assert!(place.ask(0, sender));
        assert_eq!(told.recv().await.unwrap().ways.len(), 2);
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
