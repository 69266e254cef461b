//! Runs dependent tasks on threads. A task starts when its dependencies have metadata, as in
//! cargo's pipelining.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    Running,
    /// Dependents that only need metadata may start.
    Metadata,
    Done,
}

/// Lets a running task report its progress and wait for its dependencies.
pub(super) struct Progress<'a> {
    schedule: &'a Schedule<'a>,
    task: usize,
}

/// Tasks by index, with the dependencies of each.
pub(super) struct Schedule<'a> {
    /// For each task its direct dependencies, and whether their metadata is enough.
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

    /// Runs all tasks on at most `threads` threads. After the first task that returns false no
    /// other starts.
    pub(super) fn run(
        &self,
        threads: usize,
        task: &(dyn Fn(usize, &Progress<'_>) -> bool + Sync),
    ) -> bool {
        std::thread::scope(|scope| {
            for _ in 0..threads.min(self.needs.len()) {
                scope.spawn(|| {
                    while let Some(index) = self.next() {
                        // If the task panics, the other threads must not wait forever.
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

    /// Waits for a task that may start. `None` if none is left.
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

    /// Whether all transitive dependencies of a task are done.
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

    /// Ignores poisoning: every update of the state is complete.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress<'_> {
    /// Reports that this task's metadata is written.
    pub(super) fn metadata(&self) {
        self.schedule.set(self.task, Stage::Metadata, false);
    }

    /// Waits until all dependencies of this task are done. Returns false if one failed.
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

/// Marks a task as done when dropped.
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
