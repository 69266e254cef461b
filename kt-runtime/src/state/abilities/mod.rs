//! What can be done with a state's value besides keeping it, found out by the compiler for each type by itself.

mod codec;
pub(crate) mod leaf;
mod probe;
mod reach;

pub(crate) use codec::SOUND;
pub use codec::migrate;
pub use probe::{
    AsAnyCell, AsAnything, AsCell, AsCellInCell, AsEntries, AsEntriesInCell, AsEntriesInTwoCells,
    AsShown, AsShownCell, AsThreeCells, AsValue, Probe,
};

use std::{fmt, ptr::NonNull, time::Instant};

use super::cell::{Cell, Held};
use crate::codec::format::{Decoder, Encoder, FormatError};

/// The abilities of a state's type `T`. Pointers are to a `T`.
#[derive(Clone, Copy)]
pub struct Abilities {
    pub(crate) codec: Option<Codec>,
    /// For values that have no codec.
    pub(crate) debug: Option<Show>,
    pub(crate) exchange: Option<Exchange>,
    /// Whether it is a cell that was not given its value yet, of a kind that keeps what it was once given.
    pub(crate) is_empty: unsafe fn(NonNull<()>) -> bool,
    /// Whether dropping a value does anything.
    pub(crate) drops: bool,
    /// A second value of these very bits, which are those of an initial value that was never used: what evaluating its
    /// constant initialiser once more would give.
    pub(crate) again: unsafe fn(NonNull<()>) -> Made,
}

#[derive(Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) encode: unsafe fn(NonNull<()>, &mut Encoder<'_>, Instant) -> Result<(), NotEncoded>,
    pub(crate) decode: fn(&mut Decoder<'_>) -> Result<Made, FormatError>,
}

/// Writes what the value is.
pub(crate) type Show = unsafe fn(NonNull<()>, &mut dyn fmt::Write) -> fmt::Result;

/// Has the two change their values if, with the first's lock held, it is told to.
pub(crate) type Exchange =
    unsafe fn(NonNull<()>, &mut Made, Instant, &mut dyn FnMut() -> bool) -> Result<(), Held>;

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abilities")
            .field("codec", &self.codec.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a value has no encoding.
#[derive(Debug)]
pub(crate) enum NotEncoded {
    Held,
    Failed(FormatError),
}

impl From<FormatError> for NotEncoded {
    fn from(error: FormatError) -> Self {
        Self::Failed(error)
    }
}

/// A value that was made, or a cell without one: that starts as its initialiser says.
pub struct Made {
    value: Option<NonNull<()>>,
    drop: unsafe fn(NonNull<()>),
}

// SAFETY: states are Sync, and what is in one was made to be used by any thread: a value is only ever moved between the
// worker's own threads before anybody else can see it.
unsafe impl Send for Made {}

impl Made {
    fn value<T>(value: T) -> Self {
        unsafe fn drop<T>(value: NonNull<()>) {
            // SAFETY: made of a box below, and dropped once.
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

    /// The value, which lives for ever from here on.
    pub(crate) fn leak(mut self) -> Option<NonNull<()>> {
        self.value.take()
    }

    /// # Safety
    /// It holds a `T`, if anything.
    unsafe fn get<T>(&mut self) -> Option<&mut T> {
        // SAFETY: of a box, by `value`, and of this type, by the caller's word.
        self.value.map(|value| unsafe { value.cast().as_mut() })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // A destructor of the user's that panics is not to take others' values with it, nor the worker.
            let _ = crate::fault::catch(|| {
                // SAFETY: `drop` belongs to the type that `value` was made of.
                unsafe { (self.drop)(value) };
            });
        }
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}

unsafe fn is_empty<L, T: Cell<L>>(cell: NonNull<()>) -> bool {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Abilities`.
    let cell: &T = unsafe { cell.cast().as_ref() };
    let mut is_empty = !T::REPLACEABLE;
    // Only of a kind that is no lock, which nobody holds.
    if is_empty {
        let looked = cell.look(Instant::now(), &mut |_, _| is_empty = false);
        is_empty &= looked.is_ok();
    }
    is_empty
}

unsafe fn exchange<L, T: Cell<L>>(
    cell: NonNull<()>,
    other: &mut Made,
    until: Instant,
    go: &mut dyn FnMut() -> bool,
) -> Result<(), Held> {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Exchange`, and `other` is of that type.
    let (cell, other): (&T, Option<&mut T>) = unsafe { (cell.cast().as_ref(), other.get()) };
    match other {
        Some(other) => cell.exchange(other, until, go),
        None => Ok(()),
    }
}

unsafe fn again<T: 'static>(initial: NonNull<()>) -> Made {
    // SAFETY: by the contract of `Abilities::again` these are the bits of a `T` that a constant expression made, such as
    // every use of a `const` item copies.
    Made::value(unsafe { initial.cast::<T>().read() })
}

unsafe fn debug<T: fmt::Debug>(value: NonNull<()>, to: &mut dyn fmt::Write) -> fmt::Result {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Abilities`.
    let value: &T = unsafe { value.cast().as_ref() };
    write!(to, "{value:#?}")
}
