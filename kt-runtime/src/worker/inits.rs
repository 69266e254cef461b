//! `#[kt::init]`: functions that run once in this process, before its first call.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::Worker;
use crate::{
    fault::catch,
    init::{InitDescriptor, InitRun},
    wire::control::{InitFailed, InitOutcome, Initialized, SwapRefused},
};

/// The functions that ran, and the one that runs.
#[derive(Default)]
pub(super) struct Inits(Mutex<State>);

#[derive(Default)]
struct State {
    /// Hashes of the functions' tokens, by key; `None` before they have run.
    ran: Option<HashMap<&'static str, u64>>,
    /// The same of the latest generation: differences to it were reported then.
    latest: HashMap<&'static str, u64>,
    running: Option<&'static str>,
}

impl Inits {
    /// The key of the function that runs now.
    pub(super) fn running(&self) -> Option<&'static str> {
        self.lock().running
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Runs the functions if none have run in this process; otherwise reports their differences.
    ///
    /// # Errors
    /// The first function that fails. The process is unusable then: the functions before it cannot
    /// run again.
    pub(super) fn initialize(
        &self,
        inits: &[&'static InitDescriptor],
    ) -> Result<Vec<InitOutcome>, SwapRefused> {
        let hashes: HashMap<_, _> = inits.iter().map(|init| (init.key, init.tokens)).collect();
        let ran = self.inits.lock().ran.clone();
        let outcomes = match &ran {
            Some(ran) => differences(ran, &self.inits.lock().latest, &hashes),
            None => self.run_all(inits)?,
        };
        let mut state = self.inits.lock();
        state.ran.get_or_insert_with(|| hashes.clone());
        state.latest = hashes;
        Ok(outcomes)
    }

    fn run_all(&self, inits: &[&'static InitDescriptor]) -> Result<Vec<InitOutcome>, SwapRefused> {
        // No driver is connected yet: record the output for the first one.
        let _recorded = (!inits.is_empty()).then(|| self.output.record());
        let mut outcomes = Vec::new();
        for init in inits {
            let started = Instant::now();
            self.inits.lock().running = Some(init.key);
            let done = catch(|| match (init.run)() {
                InitRun::Plain(run) => run(),
                InitRun::Async(work) => self.user.runtime().block_on(work),
            });
            self.inits.lock().running = None;
            let why = match done {
                Ok(Ok(())) => {
                    let elapsed_us = started.elapsed().as_micros();
                    outcomes.push(InitOutcome {
                        key: init.key.into(),
                        outcome: Initialized::Ran {
                            elapsed_us: u64::try_from(elapsed_us).unwrap_or(u64::MAX),
                        },
                    });
                    continue;
                }
                Ok(Err(error)) => InitFailed::Returned(error),
                Err(panic) => InitFailed::Panicked {
                    message: panic.message,
                    location: panic.location,
                },
            };
            return Err(SwapRefused::Init {
                key: init.key.into(),
                place: format!("{}:{}", init.file, init.line),
                why,
            });
        }
        Ok(outcomes)
    }
}

/// Differences from the functions that ran, unless an earlier generation reported them.
fn differences(
    ran: &HashMap<&'static str, u64>,
    latest: &HashMap<&'static str, u64>,
    now: &HashMap<&'static str, u64>,
) -> Vec<InitOutcome> {
    let keys = now
        .keys()
        .chain(latest.keys().filter(|key| !now.contains_key(*key)));
    let mut outcomes: Vec<InitOutcome> = keys
        .filter(|key| now.get(*key) != latest.get(*key))
        .filter_map(|key| {
            let outcome = match (ran.get(key), now.get(key)) {
                (Some(ran), Some(now)) if ran == now => return None,
                (Some(_), Some(_)) => Initialized::Edited,
                (None, Some(_)) => Initialized::Added,
                (Some(_), None) => Initialized::Removed,
                // Added by one edit and removed by another.
                (None, None) => return None,
            };
            let key = (*key).into();
            Some(InitOutcome { key, outcome })
        })
        .collect();
    outcomes.sort_by(|a, b| a.key.cmp(&b.key));
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_reported_once_per_edit() {
        let ran = HashMap::from([("a", 1), ("b", 1)]);
        let reported = |latest: &[(&'static str, u64)], now: &[(&'static str, u64)]| {
            let map = |of: &[(&'static str, u64)]| of.iter().copied().collect();
            let outcomes = differences(&ran, &map(latest), &map(now)).into_iter();
            outcomes.map(|it| (it.key, it.outcome)).collect::<Vec<_>>()
        };
        let (unedited, edited) = ([("a", 1), ("b", 1)], [("a", 2), ("c", 1)]);
        assert_eq!(reported(&unedited, &unedited), []);
        let all = [
            ("a".to_owned(), Initialized::Edited),
            ("b".to_owned(), Initialized::Removed),
            ("c".to_owned(), Initialized::Added),
        ];
        assert_eq!(reported(&unedited, &edited), all);
        assert_eq!(reported(&edited, &edited), []);
        assert_eq!(reported(&edited, &unedited), []);
    }
}
