//! Calls that reached a breakpoint. One at a time is at the front: it waits for a debugger and
//! stops. The others queue behind it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often a queued call checks its timeout. A debugger can make the call at the front return
/// early (`return`), and then no call would leave the front.
const ASK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next call that enters.
    next: u64,
    /// Calls with lower numbers no longer stop.
    released: u64,
    /// A call is at the front.
    occupied: bool,
    /// Calls behind it.
    behind: u64,
    /// Since the queue was last empty, a call in it has stopped in a debugger.
    attached: bool,
}

/// What a queued call does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is at the front until it leaves.
    Front,
    /// It continues without stopping.
    Released,
}

impl Queue {
    /// Waits until this call is at the front, or is released: with all others, or because `is_over`
    /// reports that it has waited long enough.
    pub(super) fn enter(&self, is_over: impl Fn() -> bool) -> Turn {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if !state.occupied && state.behind == 0 {
            state.attached = false;
        }
        state.behind += 1;
        let turn = loop {
            if number < state.released {
                break Turn::Released;
            }
            if !state.occupied {
                state.occupied = true;
                break Turn::Front;
            }
            let (waited, timeout) = self
                .moved
                .wait_timeout(state, ASK)
                .unwrap_or_else(PoisonError::into_inner);
            state = waited;
            // Called without the lock: it reads a file.
            if timeout.timed_out() {
                drop(state);
                let is_over = is_over();
                state = self.lock();
                if is_over && state.occupied {
                    break Turn::Released;
                }
            }
        };
        state.behind -= 1;
        turn
    }

    /// A debugger attached to the call at the front.
    pub(super) fn attached(&self) {
        self.lock().attached = true;
    }

    /// For the call at the front, without a debugger: releases all calls if an earlier call had
    /// one. A user who detaches wants no further stops among the waiting calls.
    pub(super) fn release_if_detached(&self) -> bool {
        let detached = self.lock().attached;
        if detached {
            self.release();
        }
        detached
    }

    /// Releases the call at the front and all behind it. Returns how many were behind it.
    pub(super) fn release(&self) -> u64 {
        let mut state = self.lock();
        state.released = state.next;
        state.occupied = false;
        state.attached = false;
        let behind = state.behind;
        drop(state);
        self.moved.notify_all();
        behind
    }

    /// The call at the front continues.
    pub(super) fn leave(&self) {
        self.lock().occupied = false;
        self.moved.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    fn never() -> bool {
        false
    }

    /// A queue with a call at the front and `behind` calls behind it, which send their outcome.
    fn queue_of(behind: u64) -> (Arc<Queue>, mpsc::Receiver<Turn>) {
        let queue = Arc::new(Queue::default());
        assert_eq!(queue.enter(never), Turn::Front);
        let (sender, turns) = mpsc::channel();
        for _ in 0..behind {
            let (queue, sender) = (Arc::clone(&queue), sender.clone());
            thread::spawn(move || sender.send(queue.enter(never)));
        }
        while queue.lock().behind < behind {
            thread::yield_now();
        }
        (queue, turns)
    }

    #[test]
    fn one_call_at_a_time_is_at_the_front() {
        let (queue, turns) = queue_of(20);
        for _ in 0..20 {
            assert_eq!(turns.try_recv(), Err(mpsc::TryRecvError::Empty));
            queue.leave();
            assert_eq!(turns.recv(), Ok(Turn::Front));
        }
        assert_eq!(turns.recv(), Err(mpsc::RecvError));
    }

    #[test]
    fn release_lets_all_waiting_calls_continue_but_not_later_ones() {
        let (queue, turns) = queue_of(20);
        assert_eq!(queue.release(), 20);
        assert!(turns.iter().all(|turn| turn == Turn::Released));
        assert_eq!(queue.enter(never), Turn::Front);
    }

    #[test]
    fn a_detached_debugger_releases_waiting_calls_but_not_later_ones() {
        let (queue, turns) = queue_of(2);
        queue.attached();
        queue.leave();
        assert_eq!(turns.recv(), Ok(Turn::Front));
        assert!(queue.release_if_detached());
        assert_eq!(turns.recv(), Ok(Turn::Released));
        assert_eq!(queue.enter(never), Turn::Front);
        assert!(!queue.release_if_detached());
    }

    #[test]
    fn calls_time_out_behind_a_front_that_never_leaves() {
        let queue = Queue::default();
        assert_eq!(queue.enter(never), Turn::Front);
        assert_eq!(queue.enter(|| true), Turn::Released);
    }
}
