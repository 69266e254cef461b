//! Operations on a state's value, selected by the compiler for each type.

mod codec;
pub(crate) mod leaf;
mod probe;
mod reach;

pub(crate) use codec::SOUND;
pub use codec::migrate;
pub use probe::{
    Probe, SpecializeAny, SpecializeAnyCell, SpecializeCell, SpecializeCellInCell, SpecializeDebug,
    SpecializeDebugCell, SpecializeEntries, SpecializeEntriesInCell, SpecializeEntriesInTwoCells,
    SpecializeThreeCells, SpecializeValue,
};

use std::{fmt, ptr::NonNull, time::Instant};

use super::cell::{Cell, LockTimeout};
use crate::codec::format::{Decoder, Encoder, FormatError};

/// The operations that a state's type `T` supports. Pointers point at a `T`.
#[derive(Clone, Copy)]
pub struct StateVTable {
    pub(crate) codec: Option<Codec>,
    /// Only for values without a codec.
    pub(crate) debug: Option<Show>,
    pub(crate) exchange: Option<Exchange>,
    /// Whether the value is an uninitialized cell that can be set only once.
    pub(crate) is_empty: unsafe fn(NonNull<()>) -> bool,
    /// Whether dropping a value has any effect.
    pub(crate) drops: bool,
    /// Creates another value from these bits, which are those of an unused initial value:
    /// equivalent to evaluating the constant initializer once more.
    pub(crate) clone_initial: unsafe fn(NonNull<()>) -> BoxedValue,
}

#[derive(Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) encode: unsafe fn(NonNull<()>, &mut Encoder<'_>, Instant) -> Result<(), NotEncoded>,
    pub(crate) decode: fn(&mut Decoder<'_>) -> Result<BoxedValue, FormatError>,
}

/// Formats the value for display.
pub(crate) type Show = unsafe fn(NonNull<()>, &mut dyn fmt::Write) -> fmt::Result;

/// Swaps the two values while holding the first one's lock, if the callback returns true.
pub(crate) type Exchange = unsafe fn(
    NonNull<()>,
    &mut BoxedValue,
    Instant,
    &mut dyn FnMut() -> bool,
) -> Result<(), LockTimeout>;

impl fmt::Debug for StateVTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateVTable")
            .field("codec", &self.codec.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a value could not be encoded.
#[derive(Debug)]
pub(crate) enum NotEncoded {
    Locked,
    Failed(FormatError),
}

impl From<FormatError> for NotEncoded {
    fn from(error: FormatError) -> Self {
        Self::Failed(error)
    }
}

/// A boxed value, or none: then the state's cell starts from its initializer.
pub struct BoxedValue {
    value: Option<NonNull<()>>,
    drop: unsafe fn(NonNull<()>),
}

// SAFETY: states are Sync, and their values may be used by any thread. A value moves only between
// the worker's own threads before any other code can access it.
unsafe impl Send for BoxedValue {}

impl BoxedValue {
    fn value<T>(value: T) -> Self {
        unsafe fn drop<T>(value: NonNull<()>) {
            // SAFETY: allocated as a box below, and dropped once.
            std::mem::drop(unsafe { Box::from_raw(value.cast::<T>().as_ptr()) });
        }
        Self {
            value: Some(NonNull::from(Box::leak(Box::new(value))).cast()),
            drop: drop::<T>,
        }
    }

    fn nothing() -> Self {
        Self {
            value: None,
            drop: |_| {},
        }
    }

    pub(crate) fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// The value, which is never freed from here on.
    pub(crate) fn leak(mut self) -> Option<NonNull<()>> {
        self.value.take()
    }

    /// # Safety
    /// It holds a `T`, if any value.
    unsafe fn get<T>(&mut self) -> Option<&mut T> {
        // SAFETY: a box allocated by `value`, of type `T` by the caller's contract.
        self.value.map(|value| unsafe { value.cast().as_mut() })
    }
}

impl Drop for BoxedValue {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // A user destructor that panics must not take down other values or the worker.
            let _ = crate::fault::catch(|| {
                // SAFETY: `drop` belongs to the type that `value` was created with.
                unsafe { (self.drop)(value) };
            });
        }
    }
}

impl fmt::Debug for BoxedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedValue").finish_non_exhaustive()
    }
}

unsafe fn is_empty<L, T: Cell<L>>(cell: NonNull<()>) -> bool {
    // SAFETY: it points at a `T` that is never freed, by the contract of `StateVTable`.
    let cell: &T = unsafe { cell.cast().as_ref() };
    let mut is_empty = !T::REPLACEABLE;
    // Such a cell is not a lock, so this does not wait.
    if is_empty {
        let looked = cell.look(Instant::now(), &mut |_, _| is_empty = false);
        is_empty &= looked.is_ok();
    }
    is_empty
}

unsafe fn exchange<L, T: Cell<L>>(
    cell: NonNull<()>,
    other: &mut BoxedValue,
    until: Instant,
    go: &mut dyn FnMut() -> bool,
) -> Result<(), LockTimeout> {
    // SAFETY: it points at a `T` that is never freed, by the contract of `Exchange`, and `other` is
    // of that type.
    let (cell, other): (&T, Option<&mut T>) = unsafe { (cell.cast().as_ref(), other.get()) };
    match other {
        Some(other) => cell.exchange(other, until, go),
        None => Ok(()),
    }
}

unsafe fn clone_initial<T: 'static>(initial: NonNull<()>) -> BoxedValue {
    // SAFETY: by the contract of `StateVTable::clone_initial` these are the bits of a `T` that a
    // constant expression created, which every use of a `const` item copies too.
    BoxedValue::value(unsafe { initial.cast::<T>().read() })
}

unsafe fn debug<T: fmt::Debug>(value: NonNull<()>, to: &mut dyn fmt::Write) -> fmt::Result {
    // SAFETY: it points at a `T` that is never freed, by the contract of `StateVTable`.
    let value: &T = unsafe { value.cast().as_ref() };
    write!(to, "{value:#?}")
}
