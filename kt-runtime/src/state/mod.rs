//! The handle that `#[kt::state]` creates from a static, and operations on its value.

#[cfg(any(kt, feature = "host"))]
pub mod abilities;
#[cfg(any(kt, feature = "host"))]
pub mod absent;
#[cfg(any(kt, feature = "host"))]
pub mod cell;
#[cfg(any(kt, feature = "host"))]
pub(crate) mod descriptor;
#[cfg(any(kt, feature = "host"))]
pub mod format;

#[cfg(any(kt, feature = "host"))]
pub use descriptor::StateDescriptor;

use std::{
    fmt,
    ops::Deref,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A static whose value is stored in the worker process and survives edits. Dereferences to `T`.
///
/// `#[kt::state] static CACHE: Mutex<Cache> = …;` becomes a `static CACHE: State<Mutex<Cache>>`:
/// code that uses it stays unchanged.
///
/// The handle points at its own initial value until the worker loads it as part of a generation and
/// points it at the kept value. So there is no initialization and no check on use: only one atomic
/// load.
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
        // SAFETY: the slot always points at a `T` that is never freed: at first the static passed
        // to `new`, later a value that `worker::states` found to have the same layout. No `&mut` to
        // it is ever created.
        unsafe { &*self.slot.load(Ordering::Acquire) }
    }
}

// A shared `State<T>` provides `&T` and nothing else, and it is never dropped: `Sync` suffices.
// SAFETY: as above, and `Shared` implies `Sync`; `AtomicPtr` itself is Sync for any `T`.
unsafe impl<T: Shared> Sync for State<T> {}

/// `Sync`, with a message that suggests a fix.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a state: calls use it from several threads at the same time",
    label = "not `Sync`",
    note = "wrap mutable data in a `Mutex`, a `RwLock` or a `OnceLock`, or use an atomic; use `Arc` instead of `Rc`"
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
