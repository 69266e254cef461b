//! Lets calls in, and keeps new ones waiting while a value is moved that they could change.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use super::generation::Loaded;
use crate::{
    function::path_of,
    sync::{
        Condvar, Instant, Mutex, Notify,
        atomic::{AtomicU64, Ordering},
    },
};

/// Set while the gate is closed, in the word that counts.
const CLOSED: u64 = 1 << 63;

#[derive(Default)]
pub(super) struct Gate {
    /// Calls that have passed it and not ended, and [`CLOSED`]. One word, so no call is counted after it was closed.
    inside: AtomicU64,
    opened: Notify,
    left: Condvar,
    /// Held while `left` is told or waited for.
    leaving: Mutex<()>,
    /// Whose functions may be running, for their names.
    generations: Mutex<Vec<Weak<Loaded>>>,
}

/// A call that has passed the gate: for as long as its function runs, which may be longer than anybody waits for it.
pub(super) struct Inside(Arc<Gate>);

/// Nobody passes while it is there.
pub(super) struct Closed<'a> {
    gate: &'a Gate,
    since: Instant,
}

/// Functions that were still running when patience ended.
#[derive(Debug)]
pub(super) struct Running(pub(super) Vec<String>);

impl Gate {
    /// Passes, waiting for as long as the gate is closed.
    pub(super) async fn enter(self: &Arc<Self>) -> Inside {
        loop {
            let mut opened = pin!(self.opened.notified());
            // From here on an opening is not missed.
            opened.as_mut().enable();
            let enter = |inside| (inside & CLOSED == 0).then_some(inside + 1);
            if self
                .inside
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
                .is_ok()
            {
                return Inside(Arc::clone(self));
            }
            opened.await;
        }
    }

    /// Closes, and waits on this thread until all who are inside have left.
    pub(super) fn close(&self, patience: Duration) -> Result<Closed<'_>, Running> {
        let since = Instant::now();
        self.inside.fetch_or(CLOSED, Ordering::AcqRel);
        let closed = Closed { gate: self, since };
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |_: &mut ()| !self.is_empty();
        let (leaving, _) = self
            .left
            .wait_timeout_while(leaving, patience, still)
            .unwrap_or_else(PoisonError::into_inner);
        drop(leaving);
        if self.is_empty() {
            Ok(closed)
        } else {
            Err(Running(self.running()))
        }
    }

    fn is_empty(&self) -> bool {
        self.inside.load(Ordering::Acquire) & !CLOSED == 0
    }

    /// Notes a generation whose functions may run from now on.
    pub(super) fn serves(&self, loaded: &Arc<Loaded>) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.retain(|generation| generation.strong_count() > 0);
        generations.push(Arc::downgrade(loaded));
    }

    pub(super) fn running(&self) -> Vec<String> {
        let generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let live = generations.iter().filter_map(Weak::upgrade);
        let names: BTreeSet<String> = live
            .flat_map(|loaded| {
                loaded
                    .running()
                    .map(path_of)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        names.into_iter().collect()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let before = self.0.inside.fetch_sub(1, Ordering::AcqRel);
        if before == CLOSED | 1 {
            let _leaving = self
                .0
                .leaving
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.0.left.notify_all();
        }
    }
}

impl Closed<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Leaves it closed after this guard.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Gate {
    /// Opens what [`Closed::keep`] left closed.
    pub(super) fn open(&self) {
        self.inside.fetch_and(!CLOSED, Ordering::AcqRel);
        self.opened.notify_waiters();
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.gate.open();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, task::Poll, thread};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_closes_behind_the_last_call_and_opens_for_those_who_waited() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        let closer = Arc::clone(&gate);
        let closed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&closed);
        let closing = thread::spawn(move || {
            let guard = closer.close(LONG).expect("the call ends");
            seen.store(true, Ordering::SeqCst);
            drop(guard);
        });
        // New calls wait from the moment on at which it begins to close.
        while gate.inside.load(Ordering::SeqCst) & CLOSED == 0 {
            thread::yield_now();
        }
        let mut waiting = pin!(gate.enter());
        assert!(
            std::future::poll_fn(|context| Poll::Ready(
                waiting.as_mut().poll(context).is_pending()
            ))
            .await
        );
        assert!(!closed.load(Ordering::SeqCst));
        drop(inside);
        let _entered = waiting.await;
        assert!(closed.load(Ordering::SeqCst));
        closing.join().expect("it closed");
    }

    #[tokio::test]
    async fn a_call_that_does_not_end_keeps_it_open() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        assert!(gate.close(Duration::ZERO).is_err());
        let _another = gate.enter().await;
        drop(inside);
    }

    #[tokio::test]
    async fn a_call_that_gives_up_waiting_is_not_counted() {
        let gate = Arc::new(Gate::default());
        let closed = gate
            .close(Duration::ZERO)
            .map_err(|_| ())
            .expect("nobody is inside");
        {
            let mut waiting = pin!(gate.enter());
            assert!(
                std::future::poll_fn(|context| Poll::Ready(
                    waiting.as_mut().poll(context).is_pending()
                ))
                .await
            );
        }
        drop(closed);
        assert!(gate.close(Duration::ZERO).is_ok());
    }
}
