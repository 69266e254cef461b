//! kt-runtime's `sync` under loom. No time passes: a model that passes does not depend on a
//! timeout.

use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    sync::{Arc, LockResult, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

pub(crate) use loom::sync::{Mutex, MutexGuard};

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant;

impl Instant {
    pub(crate) fn now() -> Self {
        Self
    }

    pub(crate) fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}

/// Loom's does not time out. In this one, a wait with a timeout of zero returns at once, and any
/// other lasts until it is woken.
#[derive(Debug, Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        if timeout.is_zero() {
            return Ok((guard, ()));
        }
        match self.0.wait(guard) {
            Ok(guard) => Ok((guard, ())),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), ()))),
        }
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        while !timeout.is_zero() && condition(&mut guard) {
            guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        Ok((guard, ()))
    }
}

/// A thread that sleeps until it is woken. Loom's own `unpark` also wakes a thread in a lock's
/// queue, and then fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct Thread(Arc<Sleeper>);

#[derive(Debug, Default)]
struct Sleeper {
    woken: Mutex<bool>,
    wake: loom::sync::Condvar,
}

impl Thread {
    pub(crate) fn unpark(&self) {
        *self.0.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.wake.notify_one();
    }

    pub(crate) fn park(&self) {
        let mut woken = self.0.woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *woken) {
            woken = self
                .0
                .wake
                .wait(woken)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let thread = Thread::default();
    let waker = Waker::from(Arc::new(thread.clone()));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread.park();
    }
}

/// Runs a model in all orders with at most three preemptions of a running thread.
pub(crate) fn in_every_order(model: impl Fn() + Send + Sync + 'static) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(3);
    explorer.check(model);
}

/// tokio's, as documented: `notify_waiters` wakes every `Notified` created before, and `notify_one`
/// stores a permit for the next one.
#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    permit: bool,
    broadcasts: u64,
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    id: u64,
    broadcasts: u64,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        let mut waiters = self.lock();
        waiters.next += 1;
        Notified {
            notify: self,
            id: waiters.next,
            broadcasts: waiters.broadcasts,
        }
    }

    pub(crate) fn notify_one(&self) {
        let mut waiters = self.lock();
        waiters.permit = true;
        let first = waiters.wakers.pop_first();
        drop(waiters);
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    pub(crate) fn notify_waiters(&self) {
        let mut waiters = self.lock();
        waiters.broadcasts += 1;
        let woken = std::mem::take(&mut waiters.wakers);
        drop(waiters);
        woken.into_values().for_each(Waker::wake);
    }
}

impl Notified<'_> {
    /// Always enabled.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        false
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiters = self.notify.lock();
        if waiters.broadcasts != self.broadcasts || std::mem::take(&mut waiters.permit) {
            return Poll::Ready(());
        }
        waiters.wakers.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.notify.lock().wakers.remove(&self.id);
    }
}
