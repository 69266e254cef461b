//! Describes the `cargo kt run` that started this program.

use std::time::{Duration, SystemTime};

use crate::Generation;

/// What `cargo kt run` did before it started this program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The service that takes the calls.
    pub service: String,
    /// Where it lives: `local`, or context and namespace of a cluster.
    pub place: String,
    /// The code that it was given.
    pub generation: Generation,
    /// The service was made for this run: everything in it is cold.
    pub cold: bool,
    /// This run brought new code.
    pub changed: bool,
    /// When `cargo kt` began.
    pub began: SystemTime,
    /// Where the time went, in the order of their ends. What goes on at the same time overlaps.
    pub phases: Vec<Phase>,
}

/// A stretch of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phase {
    /// `compile`, `link`, `pod scheduled` …
    pub name: String,
    /// From [`Run::began`] to its begin.
    pub started: Duration,
    pub took: Duration,
}

#[cfg(any(kt, feature = "host"))]
static CURRENT: std::sync::OnceLock<Run> = std::sync::OnceLock::new();

/// For the driver, which knows how this process was started.
#[cfg(any(kt, feature = "host"))]
pub(crate) fn set_current(run: Run) {
    let _ = CURRENT.set(run);
}

impl Run {
    /// That of this process; `None` unless `cargo kt run` started it.
    pub fn current() -> Option<Self> {
        #[cfg(any(kt, feature = "host"))]
        return CURRENT.get().cloned();
        #[cfg(not(any(kt, feature = "host")))]
        return None;
    }
}

/// For `cargo kt`, which makes them.
#[cfg(feature = "host")]
impl Run {
    #[doc(hidden)]
    pub fn new(service: String, place: String, began: SystemTime) -> Self {
        Self {
            service,
            place,
            generation: Generation::default(),
            cold: false,
            changed: false,
            began,
            phases: Vec::new(),
        }
    }

    #[doc(hidden)]
    pub fn phase(&mut self, name: impl Into<String>, started: Duration, took: Duration) {
        self.phases.push(Phase {
            name: name.into(),
            started,
            took,
        });
    }
}
