//! Admits calls, and holds new ones back while a value that they could change is moved.

use std::{
    pin::pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::origin::Origin;
use crate::sync::{
    Condvar, Instant, Mutex, Notify,
    atomic::{AtomicU64, Ordering},
};

/// Set in the counter while the gate is closed.
const CLOSED: u64 = 1 << 63;

/// The lower half of the counter.
const DRIVERS: u64 = u32::MAX as u64;

/// The count of one call of this origin.
fn one(origin: Origin) -> u64 {
    match origin {
        Origin::Driver => 1,
        Origin::Background => 1 << 32,
    }
}

#[derive(Default)]
pub(super) struct Gate {
    /// Calls inside, and [`CLOSED`]. One atomic, so no call is counted after the gate is closed.
    /// Calls of drivers, and the calls that those make, count [`one`] in the lower half. Calls from
    /// code outside of any call (spawned tasks, threads, servers) count in the upper half.
    inside: AtomicU64,
    opened: Notify,
    left: Condvar,
    /// Held while `left` is notified or waited for.
    leaving: Mutex<()>,
}

/// A call that has passed the gate. Exists while its function runs, which may be longer than the
/// caller waits.
pub(super) struct Inside {
    gate: Arc<Gate>,
    origin: Origin,
}

/// The gate stays closed while this exists.
pub(super) struct Closed<'a> {
    gate: &'a Gate,
    since: Instant,
}

/// Calls were still inside at the timeout.
#[derive(Debug)]
pub(super) struct StillInside;

impl Gate {
    /// Enters, after waiting until the gate is open.
    pub(super) async fn enter(self: &Arc<Self>) -> Inside {
        self.wait(|| self.pass(Origin::Driver, |inside| inside & CLOSED == 0))
            .await
    }

    /// [`enter`](Self::enter) for a call that this process makes, from a call of this origin or
    /// from outside of any call.
    pub(super) async fn enter_from(self: &Arc<Self>, caller: Option<Origin>) -> Inside {
        self.wait(|| self.try_enter_from(caller)).await
    }

    /// Tries now, and whenever the gate opens.
    async fn wait(&self, pass: impl Fn() -> Option<Inside>) -> Inside {
        // It is open most of the time, and waiting takes a lock.
        if let Some(inside) = pass() {
            return inside;
        }
        loop {
            let mut opened = pin!(self.opened.notified());
            // From here on no opening is missed.
            opened.as_mut().enable();
            if let Some(inside) = pass() {
                return inside;
            }
            opened.await;
        }
    }

    /// [`enter_from`](Self::enter_from), or `None` if the call must wait.
    ///
    /// `close` waits for the calls that are inside, and those wait for their own calls: these pass.
    /// A driver's call may wait for a spawned task's call, so the latter passes while any driver's
    /// call is inside.
    pub(super) fn try_enter_from(self: &Arc<Self>, caller: Option<Origin>) -> Option<Inside> {
        match caller {
            Some(origin) => self.pass(origin, |_| true),
            None => self.pass(Origin::Background, |inside| {
                inside & CLOSED == 0 || inside & DRIVERS > 0
            }),
        }
    }

    /// Counts a call, if `passes` admits it.
    fn pass(self: &Arc<Self>, origin: Origin, passes: impl Fn(u64) -> bool) -> Option<Inside> {
        let enter = |inside| passes(inside).then_some(inside + one(origin));
        let counted = self
            .inside
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter);
        counted.ok().map(|_| Inside {
            gate: Arc::clone(self),
            origin,
        })
    }

    /// Closes the gate, and blocks this thread until all calls inside have left.
    pub(super) fn close(&self, timeout: Duration) -> Result<Closed<'_>, StillInside> {
        let since = Instant::now();
        self.inside.fetch_or(CLOSED, Ordering::AcqRel);
        let closed = Closed { gate: self, since };
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |_: &mut ()| !self.is_empty();
        let (leaving, _) = self
            .left
            .wait_timeout_while(leaving, timeout, still)
            .unwrap_or_else(PoisonError::into_inner);
        drop(leaving);
        if self.is_empty() {
            Ok(closed)
        } else {
            Err(StillInside)
        }
    }

    fn is_empty(&self) -> bool {
        self.inside.load(Ordering::Acquire) & !CLOSED == 0
    }
}

impl Inside {
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let (gate, one) = (&self.gate, one(self.origin));
        let before = gate.inside.fetch_sub(one, Ordering::AcqRel);
        if before == CLOSED | one {
            let _leaving = gate.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            gate.left.notify_all();
        }
    }
}

impl Closed<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Leaves the gate closed after this guard is dropped.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Gate {
    /// Opens a gate that [`Closed::keep`] left closed.
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
    async fn it_closes_after_the_last_call_and_admits_waiting_calls_when_it_opens() {
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
        // New calls wait as soon as the gate begins to close.
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
    async fn a_call_that_does_not_return_keeps_it_open() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().await;
        assert!(gate.close(Duration::ZERO).is_err());
        let _another = gate.enter().await;
        drop(inside);
    }

    /// A call that waits for another call must not deadlock with the gate.
    #[tokio::test]
    async fn nested_calls_pass_a_closing_gate() {
        let gate = Arc::new(Gate::default());
        let call = gate.enter().await;
        let closer = Arc::clone(&gate);
        let closing = thread::spawn(move || closer.close(LONG).map(drop).is_ok());
        while gate.inside.load(Ordering::SeqCst) & CLOSED == 0 {
            thread::yield_now();
        }
        let nested = gate
            .try_enter_from(Some(Origin::Driver))
            .expect("its caller is inside");
        let spawned = gate.try_enter_from(None).expect("a call may wait for it");
        let deeper = gate
            .try_enter_from(Some(Origin::Background))
            .expect("its caller is inside");
        drop((call, nested));
        // From here on no call can wait for a task's call.
        assert!(gate.try_enter_from(None).is_none());
        drop((spawned, deeper));
        assert!(closing.join().unwrap());
        assert!(gate.try_enter_from(None).is_some());
    }

    #[tokio::test]
    async fn calls_of_a_task_wait_while_values_move() {
        let gate = Arc::new(Gate::default());
        let closed = gate.close(Duration::ZERO).map_err(|_| ()).unwrap();
        let mut waiting = pin!(gate.enter_from(None));
        let pending = |context: &mut std::task::Context<'_>| {
            Poll::Ready(waiting.as_mut().poll(context).is_pending())
        };
        assert!(std::future::poll_fn(pending).await);
        drop(closed);
        waiting.await;
    }

    #[tokio::test]
    async fn a_canceled_waiting_call_is_not_counted() {
        let gate = Arc::new(Gate::default());
        let closed = gate
            .close(Duration::ZERO)
            .map_err(|_| ())
            .expect("no call is inside");
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
