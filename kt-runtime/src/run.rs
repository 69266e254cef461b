//! The run that started this program.

use std::time::{Duration, SystemTime};

use crate::Generation;

/// What `cargo kt run` did before it started this program.
///
/// ```
/// if let Some(run) = kt::Run::current() {
///     println!("generation {} of {} in {}", run.generation, run.service, run.place);
///     for phase in &run.phases {
///         println!("{:<20} {:?}", phase.name, phase.took);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The service that receives the calls.
    pub service: String,
    /// Where it runs: `local`, or context and namespace of a cluster.
    pub place: String,
    /// The generation that this run uses.
    pub generation: Generation,
    /// The run created the service.
    pub cold: bool,
    /// The run swapped in new code.
    pub changed: bool,
    /// When `cargo kt` started.
    pub began: SystemTime,
    /// The phases of the run, in the order in which they finished. Concurrent phases overlap.
    pub phases: Vec<Phase>,
}

/// One phase of a [`Run`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phase {
    /// `compile`, `link`, `pod scheduled` …
    pub name: String,
    /// From [`Run::began`] to the phase's start.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
}

#[cfg(any(kt, feature = "host"))]
static CURRENT: std::sync::OnceLock<Run> = std::sync::OnceLock::new();

/// Called by the driver, which knows the run that started this process.
#[cfg(any(kt, feature = "host"))]
pub(crate) fn set_current(run: Run) {
    let _ = CURRENT.set(run);
}

impl Run {
    /// The run of this process. `None` unless `cargo kt run` started it.
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
