//! Makes the values that a plan asks for, and none if one of them fails.

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
    Count, Decision, Held, Plan, Registry,
    file::SavedFile,
    transfer::{self, Source, Stopped},
};
use crate::{
    state::{StateDescriptor, abilities::Made, descriptor::Migrate},
    wire::{
        control::{Migrating, SwapRefused},
        state::{Changed, Former, NotMigrated, Outcome, StateOptions, StateRefused},
    },
};

/// What is being migrated, for whoever asks meanwhile.
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

    /// Work on this state, which counts bytes.
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
    /// Carries out the plan's migrations. Until it is applied nobody sees the new values.
    ///
    /// # Errors
    /// All that fail and may not be reset: then none has happened.
    pub(in crate::worker) fn migrate(
        &mut self,
        plan: &mut Plan,
        options: &StateOptions,
    ) -> Result<(), SwapRefused> {
        let patience = Duration::from_millis(options.patience_ms);
        let mut made = Values::new(options);
        for decision in &mut plan.decisions {
            let Outcome::Migrated {
                bytes, elapsed_us, ..
            } = &mut decision.outcome
            else {
                continue;
            };
            let (Some(held), Some(new)) = (self.held.get(decision.key), &decision.new) else {
                continue;
            };
            let started = Instant::now();
            let value = self.progress.during(decision.key, |moved| {
                let value = held.to_type_of(new.descriptor, patience, moved);
                *bytes = moved.load(Ordering::Relaxed);
                value
            });
            *elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            made.take(decision, value, held.fate())?;
        }
        made.give_to(plan)
    }

    /// Gives new states the values that a former worker saved.
    ///
    /// # Errors
    /// If the file cannot be read, or all of them that do not fit and may not be reset.
    pub(in crate::worker) fn restore(
        &mut self,
        plan: &mut Plan,
        file: &Path,
        options: &StateOptions,
    ) -> Result<(), SwapRefused> {
        let unreadable =
            |refused: StateRefused| SwapRefused::Load(format!("the saved states: {refused:?}"));
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

    /// Takes the values out of cells that nobody is to find them in any more, as far as the cells let them go.
    pub(super) fn empty(&self, old: Vec<Held>) {
        for held in old {
            if let Some(exchange) = held.abilities.exchange {
                let mut other = self.again(held.descriptor);
                // A destructor of the user's runs, and may panic; a lock that is held by background work keeps its value.
                let _ = crate::fault::catch(|| {
                    // SAFETY: both are of the type of `held.descriptor`.
                    let _ =
                        unsafe { exchange(held.value, &mut other, Instant::now(), &mut || true) };
                    drop(other);
                });
            }
        }
    }
}

/// Values that were made for a plan, and states for which none could be made.
struct Values<'a> {
    options: &'a StateOptions,
    made: HashMap<&'static str, Made>,
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

    /// Takes the value, or notes why there is none. `former`: what becomes of the former value if this state is reset.
    ///
    /// # Errors
    /// If a lock is held. The others would wait for their locks too, with all calls waiting at the gate.
    fn take(
        &mut self,
        decision: &mut Decision,
        value: Result<Made, Stopped>,
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
                    after_ms: self.options.patience_ms,
                });
            }
        }
        Ok(())
    }

    /// From here on nothing can fail, so what was made is there to stay.
    fn give_to(self, plan: &mut Plan) -> Result<(), SwapRefused> {
        if !self.refused.is_empty() {
            return Err(SwapRefused::NotMigrated(self.refused));
        }
        let leaked = self.made.into_iter().map(|(key, made)| (key, made.leak()));
        plan.values.extend(leaked);
        Ok(())
    }
}

/// How a value comes to be of a descriptor's type: the developer's own way if it has changed and there is one.
pub(super) fn decoder(new: &StateDescriptor, same: bool) -> Option<Migrate> {
    match new.migrate {
        Some(migrate) if !same => Some(migrate),
        _ => (new.abilities)().codec.map(|codec| codec.decode),
    }
}

impl Held {
    pub(super) fn source(&self) -> Option<Source> {
        Some(Source {
            codec: self.abilities.codec?,
            value: self.value,
        })
    }

    fn to_type_of(
        &self,
        new: &StateDescriptor,
        patience: Duration,
        moved: &Count,
    ) -> Result<Made, Stopped> {
        match (self.source(), decoder(new, false)) {
            (Some(source), Some(decode)) => transfer::transfer(source, decode, patience, moved),
            _ => unreachable!("only what can be encoded and decoded is to be migrated"),
        }
    }
}
