//! The states: which value each has, and what becomes of it when its crate's code is replaced.
//!
//! A value lies where the object that first declared it put it, or where a migration did, and neither is ever freed while
//! code may see it. So to keep a value is to point the new handle at the old memory: nothing is copied, and every reference to
//! it stays good. That is only done where the layouts are known to be equal.

mod decide;
mod file;
mod former;
mod migrate;
mod put;
mod requests;
mod saved;
mod transfer;

#[cfg(all(feature = "host", any(test, fuzzing)))]
pub(crate) use file::fuzz as fuzz_saved;
#[cfg(all(test, feature = "host"))]
pub(crate) use file::seeds as fuzz_seeds;

use std::{
    alloc::{self, Layout},
    collections::{HashMap, HashSet},
    ptr::{self, NonNull},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub(super) use decide::{Decision, Plan};
pub(super) use former::Formers;
pub(super) use migrate::Progress;

use tokio::runtime::Handle;

use crate::{
    state::{
        StateDescriptor,
        abilities::{Abilities, Made},
    },
    wire::{
        Generation,
        state::{Outcome, StateOutcome},
    },
};

/// A state as a generation declares it.
pub(super) struct NewState {
    pub(super) descriptor: &'static StateDescriptor,
    pub(super) layout: Option<String>,
}

/// The value that a state has now.
#[derive(Clone)]
struct Held {
    /// Of the code that saw the value last.
    descriptor: &'static StateDescriptor,
    abilities: Abilities,
    /// Of the type of `descriptor`.
    value: NonNull<()>,
    layout: Option<String>,
    /// Of the initialiser that made the value.
    initialiser: u64,
    /// The generation that made it.
    generation: Generation,
    /// Of the latest swap.
    outcome: Outcome,
    /// The current generation has it; else it is set aside.
    declared: bool,
}

/// All states that the worker ever had.
#[derive(Default)]
pub(super) struct Registry {
    held: HashMap<&'static str, Held>,
    /// The initial value of every descriptor that was ever seen, by the descriptor's address.
    initial: HashMap<usize, Initial>,
    /// Names of the crate objects of all generations.
    pub(super) served: HashSet<String>,
    /// What is being migrated.
    pub(super) progress: Arc<Progress>,
    /// The generation that was published last.
    newest: Generation,
    /// What swaps reset.
    pub(super) formers: Arc<Formers>,
}

// SAFETY: the pointers in it are only read through `abilities` and stored in slots, under the registry's lock; what they
// point at is Sync and static.
unsafe impl Send for Registry {}

/// The initial value as its constant initialiser made it: a copy of its bits, taken before anybody could use it.
struct Initial {
    bits: NonNull<u8>,
    /// Whether the static itself was given to a generation.
    used: bool,
}

impl Initial {
    fn of(descriptor: &StateDescriptor) -> Self {
        let layout = Layout::from_size_align(descriptor.size.max(1), descriptor.align)
            .unwrap_or_else(|_| unreachable!("a type's own layout"));
        // SAFETY: the layout's size is not zero; both are valid for the type's size, and one is new.
        let bits = unsafe {
            let bits = NonNull::new(alloc::alloc(layout))
                .unwrap_or_else(|| alloc::handle_alloc_error(layout));
            ptr::copy_nonoverlapping(
                descriptor.initial.cast::<u8>().as_ptr(),
                bits.as_ptr(),
                descriptor.size,
            );
            bits
        };
        Self { bits, used: false }
    }
}

impl Registry {
    /// Takes note of what a loaded object declares, before anything can use it.
    fn note(&mut self, descriptor: &'static StateDescriptor) {
        self.initial
            .entry(ptr::from_ref(descriptor) as usize)
            .or_insert_with(|| Initial::of(descriptor));
    }

    /// The initial value in memory that nobody has used: the static itself the first time, copies of what it was later.
    fn fresh(&mut self, descriptor: &'static StateDescriptor) -> NonNull<()> {
        let initial = self
            .initial
            .entry(ptr::from_ref(descriptor) as usize)
            .or_insert_with(|| Initial::of(descriptor));
        if !std::mem::replace(&mut initial.used, true) {
            return descriptor.initial;
        }
        self.again(descriptor).leak().unwrap_or(descriptor.initial)
    }

    /// A new initial value.
    fn again(&self, descriptor: &'static StateDescriptor) -> Made {
        let initial = &self.initial[&(ptr::from_ref(descriptor) as usize)];
        // SAFETY: the bits are those of an initial value of this descriptor's type that was not used; alignment as its type's.
        unsafe { ((descriptor.abilities)().again)(initial.bits.cast()) }
    }

    /// Has a value let go of that no code sees any more but calls of generations before this one. `users`: where the user's
    /// code runs that this takes.
    fn let_go(&self, held: &Held, until: Generation, users: &Handle) {
        if held.fate().is_none() {
            return;
        }
        let initial = &self.initial[&(ptr::from_ref(held.descriptor) as usize)];
        let former = former::Former::new(held, until, initial.bits.cast());
        self.formers.add(former, users);
    }

    /// Points every handle at its value. Calls on the former generation share what is kept, and keep the rest to themselves.
    pub(super) fn apply(
        &mut self,
        plan: Plan,
        generation: Generation,
        users: &Handle,
    ) -> Vec<StateOutcome> {
        self.newest = generation;
        for held in self.held.values_mut() {
            held.declared = false;
        }
        let mut outcomes = Vec::with_capacity(plan.decisions.len());
        let mut emptied = Vec::new();
        for Decision { key, outcome, new } in plan.decisions {
            outcomes.push(StateOutcome {
                key: key.into(),
                outcome: outcome.clone(),
            });
            let Some(new) = new else {
                if let Some(held) = self.held.get_mut(key) {
                    held.outcome = outcome;
                }
                continue;
            };
            let descriptor = new.descriptor;
            let old = self.held.get(key).cloned();
            let keeps = matches!(outcome, Outcome::Kept { .. });
            let (value, made, initialiser) = match (&old, plan.values.get(key)) {
                (Some(old), _) if keeps => (old.value, old.generation, old.initialiser),
                (old, Some(made)) => {
                    let value = made.unwrap_or_else(|| self.fresh(descriptor));
                    emptied.extend(old.clone());
                    (value, generation, descriptor.initialiser)
                }
                (old, None) => {
                    if let Some(old) = old {
                        self.let_go(old, generation, users);
                    }
                    (self.fresh(descriptor), generation, descriptor.initialiser)
                }
            };
            let held = Held {
                descriptor,
                abilities: (descriptor.abilities)(),
                value,
                layout: new.layout,
                initialiser,
                generation: made,
                outcome,
                declared: true,
            };
            held.show();
            self.held.insert(key, held);
        }
        // Nothing looks at a value any more that was moved, but background work of the old code: it sees an empty cell, and
        // the memory is free.
        self.empty(emptied);
        outcomes
    }
}

impl Held {
    /// Points the current code's handle at the value.
    fn show(&self) {
        self.descriptor
            .slot
            .store(self.value.as_ptr(), Ordering::Release);
    }
}

/// Bytes that were encoded so far.
type Count = Arc<AtomicU64>;
