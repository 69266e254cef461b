//! Calls that have reached a breakpoint: one at a time is at the front, waits for a debugger and stops; the others wait behind it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How often a call behind another asks whether it has waited long enough. A debugger can let the call at the front leave
/// without a word (`return`), and nobody would ever take its place.
const ASK: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next call that comes.
    next: u64,
    /// Calls with lower numbers do not stop any more.
    released: u64,
    /// A call is at the front.
    occupied: bool,
    /// Calls behind it.
    behind: u64,
    /// A call of those that came since the queue was last empty has stopped in a debugger.
    attached: bool,
}

/// What a call in the queue may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is at the front, until it leaves.
    Front,
    /// It goes on without a stop.
    Released,
}

impl Queue {
    /// Waits until this call is at the front, or is let go on: because all are, or because `is_over` says that it has waited long
    /// enough.
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
            // Asked without the lock: it reads a file.
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

    /// The call at the front has a debugger.
    pub(super) fn attached(&self) {
        self.lock().attached = true;
    }

    /// For the call at the front, which has no debugger: lets all go on if a debugger was there for one that came before it. Who
    /// detaches wants no further stop of the calls that wait.
    pub(super) fn release_if_detached(&self) -> bool {
        let detached = self.lock().attached;
        if detached {
            self.release();
        }
        detached
    }

    /// For the call at the front: it and all behind it go on. Returns how many those are.
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

    /// The call at the front goes on.
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

    /// A queue with a call at the front and so many behind it, which send what became of them.
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
    fn all_that_wait_are_let_go_on_together_and_later_ones_are_not() {
        let (queue, turns) = queue_of(20);
        assert_eq!(queue.release(), 20);
        assert!(turns.iter().all(|turn| turn == Turn::Released));
        assert_eq!(queue.enter(never), Turn::Front);
    }

    #[test]
    fn those_that_waited_when_the_debugger_detached_go_on_and_later_ones_are_not() {
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
    fn a_front_that_never_leaves_holds_no_call_beyond_its_time() {
        let queue = Queue::default();
        assert_eq!(queue.enter(never), Turn::Front);
        assert_eq!(queue.enter(|| true), Turn::Released);
    }
}
