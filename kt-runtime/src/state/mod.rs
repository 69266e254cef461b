//! The handle that `#[kt::state]` makes of a static, and what can be done with the value behind it.

#[cfg(any(kt, feature = "host"))]
pub mod abilities;
#[cfg(any(kt, feature = "host"))]
pub mod absent;
#[cfg(any(kt, feature = "host"))]
pub mod cell;
#[cfg(any(kt, feature = "host"))]
pub(crate) mod descriptor;

#[cfg(any(kt, feature = "host"))]
pub use descriptor::StateDescriptor;

use std::{
    fmt,
    ops::Deref,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A static whose value lives in the pod and survives edits; dereferences to `T`.
///
/// `#[kt::state] static CACHE: Mutex<Cache> = …;` becomes a `static CACHE: State<Mutex<Cache>>`: every use site stays as it was.
///
/// The handle points at its own initial value until the worker loads it as part of a generation and points it at the value
/// that is kept. So there is nothing to initialise and nothing to check on use: one atomic load.
#[repr(transparent)]
pub struct State<T: 'static> {
    slot: AtomicPtr<T>,
}

impl<T> State<T> {
    #[doc(hidden)]
    pub const fn new(initial: &'static T) -> Self {
        Self {
            slot: AtomicPtr::new(ptr::from_ref(initial).cast_mut()),
        }
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the slot always points at a `T` that lives for ever: at first the static given to `new`, later one that
        // `worker::states` found to have the same layout. No `&mut` to it is ever made.
        unsafe { &*self.slot.load(Ordering::Acquire) }
    }
}

// A shared `State<T>` hands out `&T` and nothing else, and it is never dropped: `Sync` is all it takes.
// SAFETY: as above, and `Shared` is `Sync`; AtomicPtr itself is Sync for any T.
unsafe impl<T: Shared> Sync for State<T> {}

/// `Sync`, with a message that says what to do about its lack.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a state: calls use it from several threads at the same time",
    label = "not `Sync`",
    note = "wrap what changes in a `Mutex`, a `RwLock` or a `OnceLock`, or use an atomic; `Arc` stands for `Rc`"
)]
pub trait Shared: sealed::Sealed {}

#[diagnostic::do_not_recommend]
impl<T: Sync> Shared for T {}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for T {}
}

impl<T: fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
