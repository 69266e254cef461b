//! The handle that `#[kt::state]` makes of a static, and the operations on its value.

#[cfg(any(kt, feature = "host"))]
pub mod absent;
#[cfg(any(kt, feature = "host"))]
pub mod cell;
#[cfg(any(kt, feature = "host"))]
pub(crate) mod descriptor;
#[cfg(any(kt, feature = "host"))]
pub mod vtable;

#[cfg(any(kt, feature = "host"))]
pub use descriptor::StateDescriptor;

use std::{
    fmt,
    ops::Deref,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A static whose value stays in the worker across edits. Dereferences to `T`.
///
/// [`#[kt::state]`](macro@crate::state) makes it: `static CACHE: Mutex<Cache>` becomes `static
/// CACHE: State<Mutex<Cache>>`, and its uses stay as they are.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[kt::state]
/// static CALLS: AtomicU64 = AtomicU64::new(0);
///
/// fn main() {
///     CALLS.fetch_add(1, Ordering::Relaxed);
///     assert_eq!(CALLS.load(Ordering::Relaxed), 1);
/// }
/// ```
///
/// The handle points at its initial value until the worker loads it as part of a generation and
/// points it at the kept value. So there is no lazy initialization and no check: a use costs one
/// atomic load.
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
