//! Flushes the buffers of Rust's and C's standard output before a call is answered. Calls that end
//! at the same time share one pass. A pass that hangs delays answers only briefly: the program may
//! hold the lock on standard output.

use std::{sync::PoisonError, time::Duration};

use crate::sync::{Condvar, Instant, Mutex, MutexGuard};

/// How long answers wait for a pass, from the first answer on.
const TIMEOUT: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(super) struct Flush {
    passes: Mutex<Passes>,
    ended: Condvar,
}

#[derive(Default)]
struct Passes {
    begun: u64,
    ended: u64,
    running: bool,
    /// How many callers wait for the running pass, and since when the first of them waits. Without
    /// waiters no notification is sent, which saves each call a system call.
    waiting: usize,
    since: Option<Instant>,
}

/// The running pass. Its drop ends the pass even if `write_out` panics.
struct Pass<'a>(&'a Flush);

impl Flush {
    /// Returns after a pass of `write_out` that began after this call did, or after the timeout.
    pub(super) fn pass(&self, write_out: impl FnOnce()) {
        let mut passes = self.lock();
        // The running pass may already be past what the caller has printed.
        let wanted = passes.begun + 1;
        while passes.running {
            let since = *passes.since.get_or_insert_with(Instant::now);
            let left = TIMEOUT.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            passes.waiting += 1;
            let waited = self.ended.wait_timeout(passes, left);
            passes = waited.unwrap_or_else(PoisonError::into_inner).0;
            passes.waiting -= 1;
            if passes.ended >= wanted {
                return;
            }
        }
        passes.begun += 1;
        passes.running = true;
        drop(passes);
        let _pass = Pass(self);
        write_out();
    }

    fn lock(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut passes = self.0.lock();
        passes.ended = passes.begun;
        passes.running = false;
        passes.since = None;
        let waited_for = passes.waiting > 0;
        drop(passes);
        if waited_for {
            self.0.ended.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn a_hanging_pass_delays_others_only_until_the_timeout() {
        let flush = Flush::default();
        let (begun, has_begun) = mpsc::channel();
        let (proceed, may_proceed) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let hanging = scope.spawn(|| {
                flush.pass(move || {
                    begun.send(()).unwrap();
                    let _ = may_proceed.recv();
                });
            });
            has_begun.recv().unwrap();
            for _ in 0..100 {
                flush.pass(|| panic!("two passes at once"));
            }
            drop(proceed);
            hanging.join().unwrap();
        });
        let mut written = false;
        flush.pass(|| written = true);
        assert!(written);
    }
}
