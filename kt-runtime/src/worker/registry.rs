//! The states: which value each has, and what becomes of it when its crate's code is replaced.
//!
//! A value lies where the object that first declared it put it, and objects are never unloaded. So to keep a value is to
//! point the new handle at the old memory: nothing is copied, and every reference to it stays good. That is only done
//! where the layouts are known to be equal.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
};

use crate::{
    function::path_of,
    state::StateDescriptor,
    wire::control::{Outcome, StateOutcome},
};

/// A state as a generation declares it.
pub(super) struct NewState {
    pub(super) descriptor: &'static StateDescriptor,
    pub(super) layout: Option<String>,
}

/// The value that a state has now.
#[derive(Clone)]
struct Held {
    descriptor: &'static StateDescriptor,
    /// Where the value lies: the initial value of `descriptor` or of one that it was kept from.
    value: *const (),
    layout: Option<String>,
    /// Of the initialiser that made the value.
    initialiser: u64,
}

/// All states that the worker ever had.
#[derive(Default)]
pub(super) struct Registry {
    held: HashMap<&'static str, Held>,
    /// Those that the current generation declares.
    declared: HashSet<&'static str>,
    /// Initial values that were in use once: they are not initial any more.
    used: HashSet<usize>,
}

// SAFETY: the pointers in it are only stored in slots, under the registry's lock; what they point at is Sync and static.
unsafe impl Send for Registry {}

/// What a swap will do to one state.
pub(super) struct Decision {
    key: &'static str,
    outcome: Outcome,
    /// None for a state that is gone.
    held: Option<Held>,
}

impl Registry {
    /// Decides about every state without touching any.
    ///
    /// # Errors
    /// If two states have one name.
    pub(super) fn decide(&self, states: Vec<NewState>) -> Result<Vec<Decision>, String> {
        let mut names: HashMap<_, &StateDescriptor> = HashMap::new();
        let mut decisions = Vec::new();
        for new in states {
            let key = new.descriptor.key;
            if let Some(other) = names.insert(key, new.descriptor) {
                let [one, two] =
                    [other, new.descriptor].map(|it| format!("{}:{}", it.file, it.line));
                return Err(format!(
                    "two states have the name {}: at {one} and {two}",
                    path_of(key)
                ));
            }
            decisions.push(self.decide_one(new));
        }
        let removed = self.declared.iter().filter(|key| !names.contains_key(*key));
        decisions.extend(removed.map(|key| Decision {
            key,
            outcome: Outcome::Removed,
            held: None,
        }));
        decisions.sort_by_key(|decision| decision.key);
        Ok(decisions)
    }

    fn decide_one(&self, new: NewState) -> Decision {
        let NewState { descriptor, layout } = new;
        let fresh = || Held {
            descriptor,
            value: descriptor.initial,
            layout: layout.clone(),
            initialiser: descriptor.initialiser,
        };
        let (outcome, held) = match self.held.get(descriptor.key) {
            None => (self.first_use(descriptor, Outcome::Created), fresh()),
            Some(held) => match held.obstacle(descriptor, layout.as_deref()) {
                None => {
                    let initialiser_changed = held.initialiser != descriptor.initialiser;
                    (
                        Outcome::Kept {
                            initialiser_changed,
                        },
                        Held {
                            descriptor,
                            layout: layout.clone(),
                            ..held.clone()
                        },
                    )
                }
                Some(reason) => (
                    self.first_use(descriptor, Outcome::Reset { reason }),
                    fresh(),
                ),
            },
        };
        Decision {
            key: descriptor.key,
            outcome,
            held: Some(held),
        }
    }

    /// The outcome of falling back to the initial value, unless that very memory was in use before: code that was edited
    /// there and back again is the same object as the first time, and so are its statics.
    fn first_use(&self, descriptor: &StateDescriptor, outcome: Outcome) -> Outcome {
        if self.used.contains(&(descriptor.initial as usize)) {
            Outcome::Restored
        } else {
            outcome
        }
    }

    /// Points every handle at its value. Calls on the former generation share what is kept, and keep the rest to themselves.
    pub(super) fn apply(&mut self, decisions: Vec<Decision>) -> Vec<StateOutcome> {
        self.declared.clear();
        let mut outcomes = Vec::with_capacity(decisions.len());
        for Decision { key, outcome, held } in decisions {
            if let Some(held) = held {
                held.descriptor
                    .slot
                    .store(held.value.cast_mut(), Ordering::Release);
                self.used.insert(held.value as usize);
                self.declared.insert(key);
                self.held.insert(key, held);
            }
            outcomes.push(StateOutcome {
                key: key.into(),
                outcome,
            });
        }
        outcomes
    }
}

impl Held {
    /// Why the value cannot be seen through the new handle; `None` if it can.
    fn obstacle(&self, new: &StateDescriptor, layout: Option<&str>) -> Option<String> {
        if std::ptr::eq(self.descriptor, new) {
            return None;
        }
        let old = self.descriptor;
        let same_size = (old.size, old.align) == (new.size, new.align);
        let (known, equal) = match (self.layout.as_deref(), layout) {
            (Some(old), Some(new)) => (true, old == new),
            _ => (false, false),
        };
        if same_size && equal {
            return None;
        }
        let name = new.type_tokens;
        Some(if old.type_tokens != name {
            format!("its type changed from `{}` to `{name}`", old.type_tokens)
        } else if !same_size {
            format!("`{name}` changed from {} to {} bytes", old.size, new.size)
        } else if known {
            format!("the layout of `{name}` changed")
        } else {
            format!("the layout of `{name}` could not be compared")
        })
    }
}
