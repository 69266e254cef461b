//! Creates the values that a plan requires, or none of them if one fails.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Count, Decision, LiveState, Plan, Registry,
    file::SavedFile,
    transfer::{self, Source, Stopped},
};
use crate::{
    state::{StateDescriptor, descriptor::Migrate, vtable::BoxedValue},
    wire::{
        control::{Migrating, SwapRefused},
        state::{Changed, Former, NotMigrated, Outcome, StateOptions, StateRefused},
    },
};

/// The state being migrated, for concurrent status requests.
#[derive(Debug, Default)]
pub(in crate::worker) struct Progress(Mutex<Option<(String, Count)>>);

impl Progress {
    pub(in crate::worker) fn now(&self) -> Option<Migrating> {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.as_ref().map(|(key, bytes)| Migrating {
            key: key.clone(),
            bytes: bytes.load(Ordering::Relaxed),
        })
    }

    /// Runs `work` on this state; `work` counts bytes.
    pub(super) fn during<T>(&self, key: &str, work: impl FnOnce(&Count) -> T) -> T {
        let set = |now| *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let bytes = Arc::new(AtomicU64::new(0));
        set(Some((key.to_owned(), Arc::clone(&bytes))));
        let done = work(&bytes);
        set(None);
        done
    }
}

impl Registry {
    /// Carries out the plan's migrations. The new values are not visible before the plan is
    /// applied.
    ///
    /// # Errors
    /// All failures that may not fall back to a reset: then nothing is migrated.
    pub(in crate::worker) fn migrate(
        &mut self,
        plan: &mut Plan,
        options: &StateOptions,
    ) -> Result<(), SwapRefused> {
        let timeout = Duration::from_millis(options.timeout_ms);
        let mut made = Values::new(options);
        for decision in &mut plan.decisions {
            let Outcome::Migrated {
                bytes, elapsed_us, ..
            } = &mut decision.outcome
            else {
                continue;
            };
            let (Some(live), Some(new)) = (self.live.get(decision.key), &decision.new) else {
                continue;
            };
            let started = Instant::now();
            let value = self.progress.during(decision.key, |moved| {
                let value = live.to_type_of(new.descriptor, timeout, moved);
                *bytes = moved.load(Ordering::Relaxed);
                value
            });
            *elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            made.take(decision, value, live.fate())?;
        }
        made.give_to(plan)
    }

    /// Gives new states the values that a former worker saved.
    ///
    /// # Errors
    /// If the file cannot be read, or with all values that fail to decode and may not be reset.
    pub(in crate::worker) fn restore(
        &mut self,
        plan: &mut Plan,
        file: &Path,
        options: &StateOptions,
    ) -> Result<(), SwapRefused> {
        let unreadable = |refused: StateRefused| {
            SwapRefused::Load(format!("cannot read the saved states: {refused:?}"))
        };
        let file = SavedFile::open(file).map_err(unreadable)?;
        let mut made = Values::new(options);
        for decision in &mut plan.decisions {
            let (Some(new), Some(saved)) = (&decision.new, file.entry(decision.key)) else {
                continue;
            };
            if decision.outcome != Outcome::Created {
                continue;
            }
            let descriptor = new.descriptor;
            let same = saved.version == descriptor.version && saved.layout == new.layout;
            let Some(decode) = decoder(descriptor, same) else {
                let name = descriptor.type_tokens.to_owned();
                let why = Changed::NewWorker { name };
                decision.outcome = Outcome::Reset { why, former: None };
                continue;
            };
            let pieces = file.pieces(saved).map_err(unreadable)?;
            let value = self.progress.during(decision.key, |count| {
                transfer::decoded(decode, transfer::counted(pieces, Arc::clone(count)))
            });
            decision.outcome = Outcome::Carried { bytes: saved.bytes };
            made.take(decision, value, None)?;
        }
        made.give_to(plan)
    }

    /// Takes the values out of replaced cells, as far as their locks allow.
    pub(super) fn take_out(&self, old: Vec<LiveState>) {
        for live in old {
            if let Some(exchange) = live.vtable.exchange {
                let mut other = self.clone_initial(live.descriptor);
                // A user destructor runs and may panic. A value whose lock is held by background
                // work stays.
                let _ = crate::fault::catch(|| {
                    // SAFETY: both are of the type of `held.descriptor`.
                    let _ =
                        unsafe { exchange(live.value, &mut other, Instant::now(), &mut || true) };
                    drop(other);
                });
            }
        }
    }
}

/// New values of a plan, and the states for which creating one failed.
struct Values<'a> {
    options: &'a StateOptions,
    made: HashMap<&'static str, BoxedValue>,
    refused: Vec<NotMigrated>,
}

impl<'a> Values<'a> {
    fn new(options: &'a StateOptions) -> Self {
        Self {
            options,
            made: HashMap::new(),
            refused: Vec::new(),
        }
    }

    /// Stores the value, or records the failure. `former`: what happens to the former value if this
    /// state is reset.
    ///
    /// # Errors
    /// If a lock is held. Other states could be blocked too, while all calls wait at the gate.
    fn take(
        &mut self,
        decision: &mut Decision,
        value: Result<BoxedValue, Stopped>,
        former: Option<Former>,
    ) -> Result<(), SwapRefused> {
        let key = decision.key;
        match value {
            Ok(value) => {
                self.made.insert(key, value);
            }
            Err(Stopped::Failed { path, reason }) => {
                let failed = NotMigrated::new(key, &path, &reason);
                if self.options.allow_reset(key) {
                    let NotMigrated { path, reason, .. } = failed;
                    let why = Changed::NotMigrated { path, reason };
                    decision.outcome = Outcome::Reset { why, former };
                } else {
                    self.refused.push(failed);
                }
            }
            Err(Stopped::Stuck) => {
                return Err(SwapRefused::Busy {
                    states: vec![key.to_owned()],
                    calls: Vec::new(),
                    after_ms: self.options.timeout_ms,
                });
            }
        }
        Ok(())
    }

    /// From here on nothing can fail, so the new values are leaked.
    fn give_to(self, plan: &mut Plan) -> Result<(), SwapRefused> {
        if !self.refused.is_empty() {
            return Err(SwapRefused::NotMigrated(self.refused));
        }
        let leaked = self.made.into_iter().map(|(key, made)| (key, made.leak()));
        plan.values.extend(leaked);
        Ok(())
    }
}

/// The function that creates a value of a descriptor's type: the user's `migrate` if the type
/// changed and there is one.
pub(super) fn decoder(new: &StateDescriptor, same: bool) -> Option<Migrate> {
    match new.migrate {
        Some(migrate) if !same => Some(migrate),
        _ => (new.vtable)().codec.map(|codec| codec.decode),
    }
}

impl LiveState {
    pub(super) fn source(&self) -> Option<Source> {
        Some(Source {
            codec: self.vtable.codec?,
            value: self.value,
        })
    }

    fn to_type_of(
        &self,
        new: &StateDescriptor,
        timeout: Duration,
        moved: &Count,
    ) -> Result<BoxedValue, Stopped> {
        match (self.source(), decoder(new, false)) {
            (Some(source), Some(decode)) => transfer::transfer(source, decode, timeout, moved),
            _ => unreachable!("a plan migrates only states with an encoder and a decoder"),
        }
    }
}
