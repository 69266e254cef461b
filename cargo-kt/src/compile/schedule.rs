//! Runs dependent tasks on threads: a task starts when what it needs has its metadata, and cargo's pipelining is no more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    Running,
    /// Those that only need metadata may start.
    Metadata,
    Done,
}

/// What a task may say of itself and ask of the others while it runs.
pub(super) struct Progress<'a> {
    schedule: &'a Schedule<'a>,
    task: usize,
}

/// Tasks by index, and what each needs.
pub(super) struct Schedule<'a> {
    /// For each task the tasks it needs directly, and whether their metadata is enough.
    needs: &'a [(Vec<usize>, bool)],
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stages: Vec<Stage>,
    failed: bool,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(needs: &'a [(Vec<usize>, bool)]) -> Self {
        let stages = vec![Stage::Waiting; needs.len()];
        Self {
            needs,
            state: Mutex::new(State {
                stages,
                failed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Runs all on at most `threads` threads. After the first that returns false no other starts.
    pub(super) fn run(
        &self,
        threads: usize,
        task: &(dyn Fn(usize, &Progress<'_>) -> bool + Sync),
    ) -> bool {
        std::thread::scope(|scope| {
            for _ in 0..threads.min(self.needs.len()) {
                scope.spawn(|| {
                    while let Some(index) = self.next() {
                        // A panic must not leave the others waiting.
                        let finish = Finish {
                            schedule: self,
                            task: index,
                            succeeded: std::cell::Cell::new(false),
                        };
                        finish.succeeded.set(task(
                            index,
                            &Progress {
                                schedule: self,
                                task: index,
                            },
                        ));
                    }
                });
            }
        });
        !self.state().failed
    }

    /// Waits for a task that may start; `None` when there is nothing left to start.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.failed || !state.stages.contains(&Stage::Waiting) {
                return None;
            }
            let ready = (0..self.needs.len()).find(|&index| {
                state.stages[index] == Stage::Waiting && self.may_start(&state, index)
            });
            if let Some(index) = ready {
                state.stages[index] = Stage::Running;
                return Some(index);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn may_start(&self, state: &State, index: usize) -> bool {
        let (needs, metadata_is_enough) = &self.needs[index];
        if *metadata_is_enough {
            needs
                .iter()
                .all(|&need| state.stages[need] >= Stage::Metadata)
        } else {
            self.all_done(state, index)
        }
    }

    /// Whether everything below a task is done.
    fn all_done(&self, state: &State, index: usize) -> bool {
        self.needs[index]
            .0
            .iter()
            .all(|&need| state.stages[need] == Stage::Done && self.all_done(state, need))
    }

    fn set(&self, index: usize, stage: Stage, failed: bool) {
        let mut state = self.state();
        state.stages[index] = stage;
        state.failed |= failed;
        self.changed.notify_all();
    }

    /// The state is a plain table: a thread that panicked has left it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress<'_> {
    /// This task's metadata is there.
    pub(super) fn metadata(&self) {
        self.schedule.set(self.task, Stage::Metadata, false);
    }

    /// Waits until everything this task needs is done; false if it never will be.
    pub(super) fn wait_for_all(&self) -> bool {
        let mut state = self.schedule.state();
        while !self.schedule.all_done(&state, self.task) {
            if state.failed {
                return false;
            }
            state = self
                .schedule
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

/// Marks a task as over when dropped.
struct Finish<'a> {
    schedule: &'a Schedule<'a>,
    task: usize,
    succeeded: std::cell::Cell<bool>,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.schedule
            .set(self.task, Stage::Done, !self.succeeded.get());
    }
}
