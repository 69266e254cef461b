//! How long each step of a run takes: for the terminal, `--message-format json`, the log, and the
//! program itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use kt::{Run, wire::control::Swapped};
use tracing::{Instrument, Span};

use crate::place::Connected;

/// The name of a phase, and a span of this name.
macro_rules! phase {
    ($name:literal) => {
        ($name, tracing::debug_span!($name))
    };
}
pub(super) use phase;

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

    /// Runs a phase in its span, and records it if it succeeds.
    pub(super) fn measure<T, E>(
        &self,
        (name, span): (&str, Span),
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let _entered = span.entered();
        let started = self.elapsed();
        let done = work()?;
        self.phase(name, started);
        Ok(done)
    }

    /// As [`measure`](Self::measure).
    pub(super) async fn measure_async<T, E>(
        &self,
        (name, span): (&str, Span),
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let measured = async {
            let started = self.elapsed();
            let done = work.await?;
            self.phase(name, started);
            Ok(done)
        };
        measured.instrument(span).await
    }

    /// Records a phase that ends now and began `started` after the run.
    pub(super) fn phase(&self, name: &str, started: Duration) {
        let took = self.elapsed().saturating_sub(started);
        tracing::debug!(
            phase = name,
            seconds = took.as_secs_f64(),
            "phase completed"
        );
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
