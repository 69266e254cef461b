//! Decides what a swap does to each state, before any is touched.

use std::{
    collections::{HashMap, HashSet},
    ptr::NonNull,
};

use super::{LiveState, NewState, Registry};
use crate::{
    function::path_of,
    state::StateDescriptor,
    wire::state::{Changed, Former, Outcome},
};

/// What a swap does to all states.
pub(in crate::worker) struct Plan {
    pub(super) decisions: Vec<Decision>,
    /// New values of states, by key; `None` for a cell without a value.
    pub(super) values: HashMap<&'static str, Option<NonNull<()>>>,
}

/// What a swap does to one state.
pub(in crate::worker) struct Decision {
    pub(super) key: &'static str,
    pub(super) outcome: Outcome,
    /// `None` for a removed state.
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
    /// If two states have the same name, or if an object that is already loaded declares a state
    /// with another layout.
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
            let outcome = match self.live.get(new.descriptor.key) {
                None => Outcome::Created,
                Some(live) if live.disagrees(&new) => return Err(one_handle(&new)),
                Some(live) => live.outcome(&new),
            };
            decisions.push(Decision {
                key: new.descriptor.key,
                outcome,
                new: Some(new),
            });
        }
        let removed = |live: &&LiveState| live.declared && !names.contains(live.descriptor.key);
        decisions.extend(self.live.values().filter(removed).map(|live| Decision {
            key: live.descriptor.key,
            outcome: Outcome::Removed {
                size: live.descriptor.size as u64,
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

/// The object's name should differ for different layouts, see *link*'s reload keys.
fn one_handle(new: &NewState) -> String {
    format!(
        "state `{}` has a different layout than before, but the object that declares it is the same: calls of both generations would share its memory\n\
         help: run `cargo kt down`, which stops the service and discards its state, and report this bug",
        path_of(new.descriptor.key)
    )
}

impl LiveState {
    /// Whether one handle would point at two layouts. Calls of the former generation use the handle
    /// too, so it can neither keep its value nor point at another.
    fn disagrees(&self, new: &NewState) -> bool {
        std::ptr::eq(self.descriptor, new.descriptor) && self.layout != new.layout
    }

    fn outcome(&self, new: &NewState) -> Outcome {
        let Some(why) = self.change(new) else {
            return Outcome::Kept {
                initializer_changed: self.initializer != new.descriptor.initializer,
                // SAFETY: the value has the vtable's type and is never freed.
                empty: unsafe { (self.vtable.is_empty)(self.value) },
            };
        };
        let into = new.descriptor.migrate.is_some() || (new.descriptor.vtable)().codec.is_some();
        if self.vtable.codec.is_some() && into {
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

    /// What happens to the former value when it is replaced. `None` if it owns nothing beyond its
    /// own bytes.
    pub(super) fn fate(&self) -> Option<Former> {
        if self.descriptor.on_reset.is_some() {
            Some(Former::Hook)
        } else if !self.vtable.drops {
            None
        } else if self.vtable.exchange.is_some() {
            Some(Former::Dropped)
        } else {
            Some(Former::Held)
        }
    }

    /// Why the new handle cannot point at the value; `None` if it can.
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

/// The part of a layout that is compared even if the developer vouches for the rest: see
/// [`StateEntry`].
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
        __private::{Probe, SpecializeCell as _},
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
        || (&&&&&&&&&&&Probe::<Mutex<u8>>::new()).vtable(),
    );

    /// Declares a state of the same object with this layout.
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
                refused.contains("`test::VALUE` has a different layout"),
                "{refused}"
            );
        }
    }
}
