//! The handle that `#[kt::state]` makes of a static.

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
        // `worker::registry` found to have the same layout. No `&mut` to it is ever made.
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

/// What a crate object exports for each state, as `kt:state:<key>`.
#[cfg(any(kt, feature = "host"))]
#[doc(hidden)]
pub struct StateDescriptor {
    pub(crate) key: &'static str,
    /// As written in the source.
    pub(crate) type_tokens: &'static str,
    pub(crate) size: usize,
    pub(crate) align: usize,
    /// The handle's slot.
    pub(crate) slot: &'static AtomicPtr<()>,
    /// The initial value, a static of the same object.
    pub(crate) initial: *const (),
    /// Hash of the initialiser's tokens.
    pub(crate) initialiser: u64,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

#[cfg(any(kt, feature = "host"))]
// SAFETY: all of it is read-only but for the slot, which is atomic; `initial` is only compared and stored in slots.
unsafe impl Sync for StateDescriptor {}

#[cfg(any(kt, feature = "host"))]
impl StateDescriptor {
    pub const fn new<T: 'static>(
        key: &'static str,
        handle: &'static State<T>,
        initial: &'static T,
        type_tokens: &'static str,
        initialiser: u64,
        file: &'static str,
        line: u32,
    ) -> Self {
        // SAFETY: `AtomicPtr<T>` and `AtomicPtr<()>` have the same layout for sized `T`; `State` is transparent.
        let slot = unsafe { &*ptr::from_ref(&handle.slot).cast::<AtomicPtr<()>>() };
        Self {
            key,
            type_tokens,
            size: size_of::<T>(),
            align: align_of::<T>(),
            slot,
            initial: ptr::from_ref(initial).cast(),
            initialiser,
            file,
            line,
        }
    }
}
