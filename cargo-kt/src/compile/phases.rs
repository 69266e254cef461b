//! Where the time of a build went.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stretch of time; those of crates overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// `plan`, `cargo`, `check`, or `rustc` and a crate's name.
    pub name: String,
    /// Since the build began.
    pub started: Duration,
    pub took: Duration,
}

/// Measures phases from several threads.
#[derive(Debug)]
pub(super) struct Stopwatch {
    begun: Instant,
    phases: Mutex<Vec<Phase>>,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self {
            begun: Instant::now(),
            phases: Mutex::new(Vec::new()),
        }
    }

    /// Runs `action` as a phase.
    pub(super) fn measure<T>(&self, name: impl Into<String>, action: impl FnOnce() -> T) -> T {
        let started = self.begun.elapsed();
        let result = action();
        let took = self.begun.elapsed().saturating_sub(started);
        self.phases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Phase {
                name: name.into(),
                started,
                took,
            });
        result
    }

    /// In the order of their starts.
    pub(super) fn phases(self) -> Vec<Phase> {
        let mut phases = self
            .phases
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        phases.sort_by_key(|phase| phase.started);
        phases
    }
}
