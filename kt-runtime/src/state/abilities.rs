//! What can be done with a state's value besides keeping it, found out by the compiler for each type by itself.

use std::{
    fmt,
    marker::PhantomData,
    panic::{self, AssertUnwindSafe},
    ptr::NonNull,
    time::Instant,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    cell::{Cell, Found, Held},
    format::{Decoder, Encoder, FormatError},
};

/// The abilities of a state's type `T`. Pointers are to a `T`.
#[derive(Clone, Copy)]
pub struct Abilities {
    pub(crate) codec: Option<Codec>,
    /// For values that have no codec.
    pub(crate) debug: Option<Show>,
    pub(crate) exchange: Option<Exchange>,
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
            let _ = crate::call::catch(|| {
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

/// Asks the compiler: `(&&&&Probe::<T>::new()).abilities()` in code where `T` is a type and no parameter takes the first
/// of the traits below that the type allows. Only method calls are resolved so on stable Rust.
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    #[expect(clippy::new_without_default, reason = "named by the macro only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// A cell around a value with serde.
pub trait AsCell {
    fn abilities(&self) -> Abilities;
}

impl<T: Cell<Value: Serialize + DeserializeOwned>> AsCell for &&&&Probe<T> {
    fn abilities(&self) -> Abilities {
        Abilities {
            codec: Some(Codec {
                encode: encode_cell::<T>,
                decode: decode_cell::<T>,
            }),
            debug: None,
            exchange: T::REPLACEABLE.then_some(exchange::<T>),
            again: again::<T>,
        }
    }
}

/// A type with serde of its own: an atomic, or a struct with its own way to be changed.
pub trait AsValue {
    fn abilities(&self) -> Abilities;
}

impl<T: Serialize + DeserializeOwned + 'static> AsValue for &&&Probe<T> {
    fn abilities(&self) -> Abilities {
        Abilities {
            codec: Some(Codec {
                encode: encode::<T>,
                decode: decode::<T>,
            }),
            debug: None,
            exchange: None,
            again: again::<T>,
        }
    }
}

/// A cell around something else: it can be emptied, and shown if it is known how.
pub trait AsShownCell {
    fn abilities(&self) -> Abilities;
}

impl<T: Cell + fmt::Debug> AsShownCell for &&Probe<T> {
    fn abilities(&self) -> Abilities {
        Abilities {
            codec: None,
            debug: Some(debug::<T>),
            exchange: T::REPLACEABLE.then_some(exchange::<T>),
            again: again::<T>,
        }
    }
}

/// Something that can be shown.
pub trait AsShown {
    fn abilities(&self) -> Abilities;
}

impl<T: fmt::Debug + 'static> AsShown for &Probe<T> {
    fn abilities(&self) -> Abilities {
        Abilities {
            codec: None,
            debug: Some(debug::<T>),
            exchange: None,
            again: again::<T>,
        }
    }
}

pub trait AsAnything {
    fn abilities(&self) -> Abilities;
}

impl<T: 'static> AsAnything for Probe<T> {
    fn abilities(&self) -> Abilities {
        Abilities {
            codec: None,
            debug: None,
            exchange: None,
            again: again::<T>,
        }
    }
}

/// What stands before the value, which a cell may lack.
const EMPTY: u8 = 0;
pub(crate) const SOUND: u8 = 1;
const POISONED: u8 = 2;

unsafe fn encode_cell<T: Cell<Value: Serialize>>(
    cell: NonNull<()>,
    to: &mut Encoder<'_>,
    until: Instant,
) -> Result<(), NotEncoded> {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Codec`.
    let cell: &T = unsafe { cell.cast().as_ref() };
    let mut done = None;
    let looked = cell.look(until, &mut |value, found| {
        let mark = if found == Found::Sound {
            SOUND
        } else {
            POISONED
        };
        // A panic that went through the lock's guard would poison it, though the value is as it was.
        let put = AssertUnwindSafe(|| to.mark(mark).and_then(|()| to.put(value)));
        done = Some(panic::catch_unwind(put));
    });
    looked.map_err(|Held| NotEncoded::Held)?;
    match done {
        Some(Ok(put)) => Ok(put?),
        Some(Err(panicked)) => panic::resume_unwind(panicked),
        None => Ok(to.mark(EMPTY)?),
    }
}

fn decode_cell<T: Cell<Value: DeserializeOwned>>(
    from: &mut Decoder<'_>,
) -> Result<Made, FormatError> {
    let found = match from.mark()? {
        EMPTY => return Ok(Made::nothing()),
        POISONED => Found::Poisoned,
        _ => Found::Sound,
    };
    Ok(Made::value(T::with(from.take()?, found)))
}

unsafe fn encode<T: Serialize + 'static>(
    value: NonNull<()>,
    to: &mut Encoder<'_>,
    _: Instant,
) -> Result<(), NotEncoded> {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Codec`.
    let value: &T = unsafe { value.cast().as_ref() };
    to.mark(SOUND)?;
    Ok(to.put(value)?)
}

fn decode<T: DeserializeOwned + 'static>(from: &mut Decoder<'_>) -> Result<Made, FormatError> {
    match from.mark()? {
        EMPTY => Ok(Made::nothing()),
        _ => from.take::<T>().map(Made::value),
    }
}

unsafe fn exchange<T: Cell>(
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

/// Decodes the value of a state's former type and gives it to the state's own `migrate`. Cells and what they hold will do
/// on either side.
///
/// # Errors
/// If the value is not of the type that `up` takes.
pub fn migrate<Old, New, T>(
    from: &mut Decoder<'_>,
    up: impl FnOnce(Old) -> New,
) -> Result<Made, FormatError>
where
    Old: DeserializeOwned,
    New: Into<T>,
    T: 'static,
{
    if from.mark()? == EMPTY {
        return Ok(Made::nothing());
    }
    let old = from.take()?;
    from.end()?;
    Ok(Made::value(up(old).into()))
}
