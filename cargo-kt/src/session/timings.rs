//! How long each step of a run takes: for the terminal, for `--message-format json`, and for the program itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use kt::{Run, wire::control::Swapped};

use crate::place::Connected;

/// Measures the phases of one run, from several tasks. Clones share their phases.
#[derive(Debug, Clone)]
pub(crate) struct Timings {
    began: SystemTime,
    start: Instant,
    phases: Arc<Mutex<Vec<Phase>>>,
}

/// A part of a run.
#[derive(Debug, Clone)]
struct Phase {
    name: String,
    /// Since the start of the run.
    started: Duration,
    took: Duration,
}

impl Timings {
    pub(super) fn start() -> Self {
        Self {
            began: SystemTime::now(),
            start: Instant::now(),
            phases: Arc::default(),
        }
    }

    /// The time since the start of the run.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Records a phase that ends now and began `started` after the run.
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

    /// Describes this run to the program.
    pub(super) fn run(&self, connected: &Connected, swapped: &Swapped) -> Run {
        let (service, place) = (connected.service.clone(), connected.place.to_string());
        let mut run = Run::new(service, place, self.began);
        run.generation = swapped.generation;
        run.cold = connected.started;
        run.changed = swapped.changed;
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        for phase in phases.iter() {
            run.phase(phase.name.clone(), phase.started, phase.took);
        }
        run
    }
}
