//! Where the time of a run goes, for the program that it ends in.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Measures the phases of one run, from several tasks. Clones are the same clock.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) began: SystemTime,
    begun: Instant,
    phases: Arc<Mutex<Vec<Phase>>>,
}

/// A stretch of a run.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    pub(super) name: String,
    /// Since the run's begin.
    pub(super) started: Duration,
    pub(super) took: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            began: SystemTime::now(),
            begun: Instant::now(),
            phases: Arc::default(),
        }
    }

    /// How long the run has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A phase that ends now, and began so long after the run.
    pub(super) fn phase(&self, name: &str, started: Duration) {
        let took = self.elapsed().saturating_sub(started);
        let name = name.to_owned();
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.push(Phase {
            name,
            started,
            took,
        });
    }

    pub(super) fn phases(&self) -> Vec<Phase> {
        self.phases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
