//! What a swap will do to each state, decided before any is touched.

use std::{
    collections::{HashMap, HashSet},
    ptr::NonNull,
};

use super::{Held, NewState, Registry};
use crate::{
    function::path_of,
    state::StateDescriptor,
    wire::state::{Changed, Former, Outcome},
};

/// What is to become of all states.
pub(in crate::worker) struct Plan {
    pub(super) decisions: Vec<Decision>,
    /// Values that were made for states, by key; none for a cell that had no value.
    pub(super) values: HashMap<&'static str, Option<NonNull<()>>>,
}

/// What is to become of one.
pub(in crate::worker) struct Decision {
    pub(super) key: &'static str,
    pub(super) outcome: Outcome,
    /// None for a state that is gone.
    pub(super) new: Option<NewState>,
}

impl Plan {
    /// States that would lose their value.
    pub(in crate::worker) fn resets(&self) -> Vec<(String, Changed)> {
        let lost = |decision: &Decision| match &decision.outcome {
            Outcome::Reset { why, .. } => Some((decision.key.to_owned(), why.clone())),
            _ => None,
        };
        self.decisions.iter().filter_map(lost).collect()
    }

    /// Keys of the states to migrate.
    pub(in crate::worker) fn migrations(&self) -> Vec<String> {
        let moved = |decision: &&Decision| matches!(decision.outcome, Outcome::Migrated { .. });
        let decisions = self.decisions.iter().filter(moved);
        decisions.map(|decision| decision.key.to_owned()).collect()
    }
}

impl Registry {
    /// # Errors
    /// If two states have one name, or an object that is loaded already shall show a state in another layout.
    pub(in crate::worker) fn decide(&mut self, states: Vec<NewState>) -> Result<Plan, String> {
        let mut names: HashMap<_, &StateDescriptor> = HashMap::new();
        for new in &states {
            let key = new.descriptor.key;
            if let Some(other) = names.insert(key, new.descriptor) {
                let [one, two] =
                    [other, new.descriptor].map(|it| format!("{}:{}", it.file, it.line));
                return Err(format!(
                    "two states have the name {}: at {one} and {two}",
                    path_of(key)
                ));
            }
        }
        let names: HashSet<_> = names.into_keys().collect();
        let mut decisions = Vec::new();
        for new in states {
            self.note(new.descriptor);
            let outcome = match self.held.get(new.descriptor.key) {
                None => Outcome::Created,
                Some(held) if held.disagrees(&new) => return Err(one_handle(&new)),
                Some(held) => held.outcome(&new),
            };
            decisions.push(Decision {
                key: new.descriptor.key,
                outcome,
                new: Some(new),
            });
        }
        let gone = |held: &&Held| held.declared && !names.contains(held.descriptor.key);
        decisions.extend(self.held.values().filter(gone).map(|held| Decision {
            key: held.descriptor.key,
            outcome: Outcome::Removed {
                size: held.descriptor.size as u64,
            },
            new: None,
        }));
        decisions.sort_by_key(|decision| decision.key);
        Ok(Plan {
            decisions,
            values: HashMap::new(),
        })
    }
}

/// The object's name should have told the layouts apart, see *link*'s reload keys.
fn one_handle(new: &NewState) -> String {
    format!(
        "state `{}` has another layout than before, and the object that declares it is the same: calls of both generations would share its memory\n\
         help: run `cargo kt down`, which ends the service with its state, and report this",
        path_of(new.descriptor.key)
    )
}

impl Held {
    /// Whether one handle would have to show two layouts. The calls of the former generation use the handle too, so it can
    /// neither be kept nor be pointed elsewhere.
    fn disagrees(&self, new: &NewState) -> bool {
        std::ptr::eq(self.descriptor, new.descriptor) && self.layout != new.layout
    }

    fn outcome(&self, new: &NewState) -> Outcome {
        let Some(why) = self.change(new) else {
            return Outcome::Kept {
                initialiser_changed: self.initialiser != new.descriptor.initialiser,
                // SAFETY: the value is of the type that the abilities are of, and lives for ever.
                empty: unsafe { (self.abilities.is_empty)(self.value) },
            };
        };
        let into = new.descriptor.migrate.is_some() || (new.descriptor.abilities)().codec.is_some();
        if self.abilities.codec.is_some() && into {
            Outcome::Migrated {
                why,
                bytes: 0,
                elapsed_us: 0,
            }
        } else {
            Outcome::Reset {
                why,
                former: self.fate(),
            }
        }
    }

    /// What becomes of the value if another takes its place. `None` if it holds nothing beside its own bytes.
    pub(super) fn fate(&self) -> Option<Former> {
        if self.descriptor.on_reset.is_some() {
            Some(Former::Hook)
        } else if !self.abilities.drops {
            None
        } else if self.abilities.exchange.is_some() {
            Some(Former::Dropped)
        } else {
            Some(Former::Held)
        }
    }

    /// Why the value cannot be seen through the new handle; `None` if it can.
    fn change(&self, new: &NewState) -> Option<Changed> {
        let (old, layout) = (self.descriptor, new.layout.as_deref());
        let new = new.descriptor;
        if std::ptr::eq(old, new) {
            return None;
        }
        let same_size = (old.size, old.align) == (new.size, new.align);
        let (known, equal) = match (self.layout.as_deref(), layout) {
            (Some(old), Some(layout)) => (
                true,
                old == layout || new.keep && visible(old) == visible(layout),
            ),
            _ => (false, false),
        };
        let name = new.type_tokens.to_owned();
        if old.version != new.version {
            Some(Changed::Version {
                from: old.version,
                to: new.version,
            })
        } else if same_size && equal {
            None
        } else if old.type_tokens != new.type_tokens {
            Some(Changed::Type {
                from: old.type_tokens.to_owned(),
                to: name,
            })
        } else if !same_size {
            Some(Changed::Size {
                name,
                from: old.size as u64,
                to: new.size as u64,
            })
        } else if known {
            Some(Changed::Layout { name })
        } else {
            Some(Changed::Unknown { name })
        }
    }
}

/// What of a layout is compared also where the developer vouches for the rest: see [`StateEntry`].
///
/// [`StateEntry`]: crate::wire::manifest::StateEntry
fn visible(layout: &str) -> &str {
    layout
        .split_once('-')
        .map_or(layout, |(visible, _)| visible)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        __private::{AsCell as _, Probe},
        state::State,
        wire::Generation,
    };

    static VALUE: Mutex<u8> = Mutex::new(0);
    static HANDLE: State<Mutex<u8>> = State::new(&VALUE);
    static DESCRIPTOR: StateDescriptor = StateDescriptor::new(
        "test/:test::VALUE",
        &HANDLE,
        &VALUE,
        "Mutex<u8>",
        0,
        file!(),
        line!(),
        || (&&&&&&&&&&&Probe::<Mutex<u8>>::new()).abilities(),
    );

    /// What a generation declares that has the same object, in this layout.
    fn decide(registry: &mut Registry, layout: Option<&str>) -> Result<Plan, String> {
        registry.decide(vec![NewState {
            descriptor: &DESCRIPTOR,
            layout: layout.map(str::to_owned),
        }])
    }

    #[tokio::test]
    async fn one_handle_never_shows_two_layouts() {
        let mut registry = Registry::default();
        let first = decide(&mut registry, Some("a")).unwrap();
        registry.apply(first, Generation(1), &tokio::runtime::Handle::current());
        let again = decide(&mut registry, Some("a")).unwrap();
        assert!(matches!(again.decisions[0].outcome, Outcome::Kept { .. }));
        for other in [Some("b"), None] {
            let refused = decide(&mut registry, other).err().unwrap();
            assert!(
                refused.contains("`test::VALUE` has another layout"),
                "{refused}"
            );
        }
    }
}
