//! How long the service keeps running without activity.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Current use of the service, checked when the lease would expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Calls are in flight, or the worker does not answer.
    Busy,
    /// Time since the last call ended.
    Idle(Duration),
    /// No worker runs.
    None,
}

/// The remaining time, by the monotonic clock: changes of the system time do not affect it.
#[derive(Debug)]
pub struct Lease {
    times: Mutex<Times>,
    changed: Notify,
    holds: AtomicUsize,
}

/// The lease does not expire while this exists.
#[derive(Debug)]
pub struct Hold<'a>(&'a Lease);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.holds.fetch_sub(1, Ordering::Release);
    }
}

#[derive(Debug, Clone, Copy)]
struct Times {
    ttl: Duration,
    active: Instant,
}

impl Lease {
    pub fn new(ttl: Duration) -> Self {
        Self {
            times: Mutex::new(Times {
                ttl,
                active: Instant::now(),
            }),
            changed: Notify::new(),
            holds: AtomicUsize::new(0),
        }
    }

    /// Suspends the lease for a client that is about to use the service.
    pub fn hold(&self) -> Hold<'_> {
        self.holds.fetch_add(1, Ordering::Acquire);
        Hold(self)
    }

    /// Records activity.
    pub fn touch(&self) {
        self.times().active = Instant::now();
    }

    pub fn ttl(&self) -> Duration {
        self.times().ttl
    }

    /// Changes the time to live, and restarts it.
    pub fn set_ttl(&self, ttl: Duration) {
        tracing::debug!(?ttl, "lease set");
        let active = Instant::now();
        *self.times() = Times { ttl, active };
        self.changed.notify_one();
    }

    /// The remaining time, given the worker's activity.
    pub fn left(&self, usage: Use) -> Duration {
        self.note(usage);
        let Times { ttl, active } = *self.times();
        ttl.saturating_sub(active.elapsed())
    }

    /// Resolves when the lease expires. Calls `usage` only when it would expire; `usage` must
    /// answer in bounded time.
    pub async fn expired<F: Future<Output = Use>>(&self, usage: impl Fn() -> F) {
        loop {
            let Times { ttl, active } = *self.times();
            // An overflowing deadline is effectively never.
            let far = Duration::from_secs(86400 * 365);
            let deadline = active.checked_add(ttl).unwrap_or(active + far);
            if deadline > Instant::now() {
                let _ = timeout_at(deadline, self.changed.notified()).await;
                continue;
            }
            let usage = usage().await;
            self.note(usage);
            let Times { ttl, active } = *self.times();
            let expired = active.elapsed() >= ttl;
            tracing::debug!(?ttl, ?usage, expired, "lease checked");
            if expired {
                return;
            }
        }
    }

    fn note(&self, usage: Use) {
        let now = Instant::now();
        let held = self.holds.load(Ordering::Acquire) > 0;
        let seen = match usage {
            _ if held => now,
            Use::Busy => now,
            Use::Idle(since) => now.checked_sub(since).unwrap_or(now),
            Use::None => return,
        };
        let mut times = self.times();
        times.active = times.active.max(seen);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_expires_after_its_time_without_activity() {
        let (lease, start) = (Lease::new(10 * MINUTE), Instant::now());
        lease.expired(async || Use::None).await;
        assert_eq!(start.elapsed().as_secs(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_flight_and_recent_calls_extend_it() {
        let (lease, start) = (Lease::new(10 * MINUTE), Instant::now());
        let asked = AtomicUsize::new(0);
        // A call until minute 14, as seen at minutes 10 and 20.
        lease
            .expired(|| {
                asked.fetch_add(1, Ordering::Relaxed);
                let running = start.elapsed() < 14 * MINUTE;
                async move {
                    match running {
                        true => Use::Busy,
                        false => Use::Idle(start.elapsed() - 14 * MINUTE),
                    }
                }
            })
            .await;
        assert_eq!(start.elapsed().as_secs(), 24 * 60);
        assert_eq!(asked.into_inner(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_expire_while_held() {
        let (lease, start) = (Lease::new(10 * MINUTE), Instant::now());
        let compiling = async {
            let _held = lease.hold();
            tokio::time::sleep(25 * MINUTE).await;
            assert_eq!(lease.left(Use::None), 10 * MINUTE);
        };
        tokio::join!(lease.expired(async || Use::None), compiling);
        assert_eq!(start.elapsed().as_secs(), 35 * 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_time_to_live_starts_when_it_is_set() {
        let (lease, start) = (Lease::new(10 * MINUTE), Instant::now());
        let set = async {
            tokio::time::sleep(5 * MINUTE).await;
            lease.set_ttl(MINUTE);
        };
        tokio::join!(lease.expired(async || Use::None), set);
        assert_eq!(start.elapsed().as_secs(), 6 * 60);
        assert_eq!(lease.left(Use::Busy), MINUTE);
    }
}
