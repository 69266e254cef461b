//! The states: the value of each, and what happens to it when its crate's code is replaced.
//!
//! A value is stored in the object that first declared it, or where a migration allocated it, and
//! neither is freed while code may access it. Keeping a value means pointing the new handle at the
//! old memory: nothing is copied, and every reference to it stays valid. This requires layouts that
//! are known to be equal.

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
        vtable::{BoxedValue, StateVTable},
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

/// The current value of a state.
#[derive(Clone)]
struct LiveState {
    /// The descriptor of the code that last used the value.
    descriptor: &'static StateDescriptor,
    vtable: StateVTable,
    /// Of the type of `descriptor`.
    value: NonNull<()>,
    layout: Option<String>,
    /// Hash of the initializer that created the value.
    initializer: u64,
    /// The generation that created it.
    generation: Generation,
    /// Outcome of the latest swap.
    outcome: Outcome,
    /// Whether the current generation declares it; otherwise it is detached.
    declared: bool,
}

/// All states that the worker ever had.
#[derive(Default)]
pub(super) struct Registry {
    live: HashMap<&'static str, LiveState>,
    /// The initial value of every descriptor ever loaded, by the descriptor's address.
    initial: HashMap<usize, Initial>,
    /// Names of the crate objects of all generations.
    pub(super) served: HashSet<String>,
    /// The state being migrated.
    pub(super) progress: Arc<Progress>,
    /// The latest published generation.
    newest: Generation,
    /// Values that swaps reset.
    pub(super) formers: Arc<Formers>,
}

// SAFETY: its pointers are only read through the vtable and stored in slots, under the registry's
// lock. What they point at is Sync and static.
unsafe impl Send for Registry {}

/// The initial value that the constant initializer created: a copy of its bits, taken before any
/// use.
struct Initial {
    bits: NonNull<u8>,
    /// Whether the static itself was given to a generation.
    used: bool,
}

impl Initial {
    fn of(descriptor: &StateDescriptor) -> Self {
        let layout = Layout::from_size_align(descriptor.size.max(1), descriptor.align)
            .unwrap_or_else(|_| unreachable!("a type's own layout"));
        // SAFETY: the layout's size is not zero; both pointers are valid for the type's size, and
        // one is a new allocation.
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
    /// Records what a loaded object declares, before any code uses it.
    fn note(&mut self, descriptor: &'static StateDescriptor) {
        self.initial
            .entry(ptr::from_ref(descriptor) as usize)
            .or_insert_with(|| Initial::of(descriptor));
    }

    /// The initial value in unused memory: the static itself the first time, then copies of its
    /// original bits.
    fn fresh(&mut self, descriptor: &'static StateDescriptor) -> NonNull<()> {
        let initial = self
            .initial
            .entry(ptr::from_ref(descriptor) as usize)
            .or_insert_with(|| Initial::of(descriptor));
        if !std::mem::replace(&mut initial.used, true) {
            return descriptor.initial;
        }
        self.clone_initial(descriptor)
            .leak()
            .unwrap_or(descriptor.initial)
    }

    /// Creates a new initial value.
    fn clone_initial(&self, descriptor: &'static StateDescriptor) -> BoxedValue {
        let initial = &self.initial[&(ptr::from_ref(descriptor) as usize)];
        // SAFETY: the bits are those of an unused initial value of this descriptor's type, with its
        // alignment.
        unsafe { ((descriptor.vtable)().clone_initial)(initial.bits.cast()) }
    }

    /// Releases a value that only calls of generations before `until` can access. `users`: the
    /// runtime for the user code that this runs.
    fn release(&self, live: &LiveState, until: Generation, users: &Handle) {
        if live.fate().is_none() {
            return;
        }
        let initial = &self.initial[&(ptr::from_ref(live.descriptor) as usize)];
        let former = former::Former::new(live, until, initial.bits.cast());
        self.formers.add(former, users);
    }

    /// Points every handle at its value. Calls of the former generation share kept values; they
    /// keep using their own copy of the others.
    pub(super) fn apply(
        &mut self,
        plan: Plan,
        generation: Generation,
        users: &Handle,
    ) -> Vec<StateOutcome> {
        self.newest = generation;
        for live in self.live.values_mut() {
            live.declared = false;
        }
        let mut outcomes = Vec::with_capacity(plan.decisions.len());
        let mut emptied = Vec::new();
        for Decision { key, outcome, new } in plan.decisions {
            outcomes.push(StateOutcome {
                key: key.into(),
                outcome: outcome.clone(),
            });
            let Some(new) = new else {
                if let Some(live) = self.live.get_mut(key) {
                    live.outcome = outcome;
                }
                continue;
            };
            let descriptor = new.descriptor;
            let old = self.live.get(key).cloned();
            let keeps = matches!(outcome, Outcome::Kept { .. });
            let (value, made, initializer) = match (&old, plan.values.get(key)) {
                (Some(old), _) if keeps => (old.value, old.generation, old.initializer),
                (old, Some(made)) => {
                    let value = made.unwrap_or_else(|| self.fresh(descriptor));
                    emptied.extend(old.clone());
                    (value, generation, descriptor.initializer)
                }
                (old, None) => {
                    if let Some(old) = old {
                        self.release(old, generation, users);
                    }
                    (self.fresh(descriptor), generation, descriptor.initializer)
                }
            };
            let live = LiveState {
                descriptor,
                vtable: (descriptor.vtable)(),
                value,
                layout: new.layout,
                initializer,
                generation: made,
                outcome,
                declared: true,
            };
            live.show();
            self.live.insert(key, live);
        }
        // Only background tasks of old code still access a moved value: they see an empty cell, and
        // the memory is released.
        self.take_out(emptied);
        outcomes
    }
}

impl LiveState {
    /// Points the current code's handle at the value.
    fn show(&self) {
        self.descriptor
            .slot
            .store(self.value.as_ptr(), Ordering::Release);
    }
}

/// Bytes encoded so far.
type Count = Arc<AtomicU64>;
