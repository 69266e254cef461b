//! A state's value to and from bytes, behind a mark that tells how its cell was found.

use std::{
    panic::{self, AssertUnwindSafe},
    ptr::NonNull,
    time::Instant,
};

use serde::de::DeserializeOwned;

use super::{
    Codec, Made, NotEncoded,
    leaf::Leaf,
    reach::{Looked, Reach},
};
use crate::{
    codec::format::{Decoder, Encoder, FormatError},
    state::cell::{Found, Held},
};

/// What stands before the value, which a cell may lack.
const EMPTY: u8 = 0;
pub(crate) const SOUND: u8 = 1;
const POISONED: u8 = 2;
/// The outermost cell has a value, and that is a cell without one. No value follows.
const HOLLOW: u8 = 3;

/// Of a `T` whose value is reached by `R` and encoded by `F`.
pub(super) fn codec<T: 'static, R: Reach<T>, F: Leaf<R::Value>>() -> Codec {
    Codec {
        encode: encode::<T, R, F>,
        decode: decode::<T, R, F>,
    }
}

unsafe fn encode<T: 'static, R: Reach<T>, F: Leaf<R::Value>>(
    value: NonNull<()>,
    to: &mut Encoder<'_>,
    until: Instant,
) -> Result<(), NotEncoded> {
    // SAFETY: it points at a `T` that lives for ever, by the contract of `Codec`.
    let value: &T = unsafe { value.cast().as_ref() };
    let mut done = None;
    let looked = R::look(value, until, &mut |value, found| {
        let mark = if found == Found::Sound {
            SOUND
        } else {
            POISONED
        };
        // A panic that went through the lock's guard would poison it, though the value is as it was.
        let put = AssertUnwindSafe(|| to.mark(mark).and_then(|()| F::put(value, to)));
        done = Some(panic::catch_unwind(put));
    });
    let looked = looked.map_err(|Held| NotEncoded::Held)?;
    match (done, looked) {
        (Some(Ok(put)), _) => Ok(put?),
        (Some(Err(panicked)), _) => panic::resume_unwind(panicked),
        (None, Looked::Hollow) => Ok(to.mark(HOLLOW)?),
        (None, _) => Ok(to.mark(EMPTY)?),
    }
}

fn decode<T: 'static, R: Reach<T>, F: Leaf<R::Value>>(
    from: &mut Decoder<'_>,
) -> Result<Made, FormatError> {
    let found = match from.mark()? {
        EMPTY => return Ok(Made::nothing()),
        HOLLOW => return Ok(R::hollow().map_or_else(Made::nothing, Made::value)),
        POISONED => Found::Poisoned,
        _ => Found::Sound,
    };
    Ok(Made::value(R::with(F::take(from)?, found)))
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
    if let EMPTY | HOLLOW = from.mark()? {
        return Ok(Made::nothing());
    }
    let old = from.take()?;
    from.end()?;
    Ok(Made::value(up(old).into()))
}
