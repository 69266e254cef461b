//! Encodes and decodes a state's value, after a mark that records the condition of its cell.

use std::{
    panic::{self, AssertUnwindSafe},
    ptr::NonNull,
    time::Instant,
};

use serde::de::DeserializeOwned;

use super::{
    BoxedValue, Codec, NotEncoded,
    leaf::Leaf,
    reach::{Looked, Reach},
};
use crate::{
    codec::format::{Decoder, Encoder, FormatError},
    state::cell::{Found, LockTimeout},
};

/// Marks that precede the value. A cell may have none.
const EMPTY: u8 = 0;
pub(crate) const SOUND: u8 = 1;
const POISONED: u8 = 2;
/// The outermost cell has a value, which is a cell without a value. No value follows.
const HOLLOW: u8 = 3;

/// The codec of a `T` whose value is reached by `R` and encoded by `F`.
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
    // SAFETY: it points at a `T` that is never freed, by the contract of `Codec`.
    let value: &T = unsafe { value.cast().as_ref() };
    let mut done = None;
    let looked = R::look(value, until, &mut |value, found| {
        let mark = if found == Found::Sound {
            SOUND
        } else {
            POISONED
        };
        // A panic that unwound through the lock's guard would poison the lock, although the value
        // is unchanged.
        let put = AssertUnwindSafe(|| to.mark(mark).and_then(|()| F::put(value, to)));
        done = Some(panic::catch_unwind(put));
    });
    let looked = looked.map_err(|LockTimeout| NotEncoded::Locked)?;
    match (done, looked) {
        (Some(Ok(put)), _) => Ok(put?),
        (Some(Err(panicked)), _) => panic::resume_unwind(panicked),
        (None, Looked::Hollow) => Ok(to.mark(HOLLOW)?),
        (None, _) => Ok(to.mark(EMPTY)?),
    }
}

fn decode<T: 'static, R: Reach<T>, F: Leaf<R::Value>>(
    from: &mut Decoder<'_>,
) -> Result<BoxedValue, FormatError> {
    let found = match from.mark()? {
        EMPTY => return Ok(BoxedValue::nothing()),
        HOLLOW => return Ok(R::hollow().map_or_else(BoxedValue::nothing, BoxedValue::value)),
        POISONED => Found::Poisoned,
        _ => Found::Sound,
    };
    Ok(BoxedValue::value(R::with(F::take(from)?, found)))
}

/// Decodes the value of a state's former type and passes it to the state's `migrate`. Both types
/// may be cells or their contents.
///
/// # Errors
/// If the encoded value is not of the type that `up` takes.
pub fn migrate<Old, New, T>(
    from: &mut Decoder<'_>,
    up: impl FnOnce(Old) -> New,
) -> Result<BoxedValue, FormatError>
where
    Old: DeserializeOwned,
    New: Into<T>,
    T: 'static,
{
    if let EMPTY | HOLLOW = from.mark()? {
        return Ok(BoxedValue::nothing());
    }
    let old = from.take()?;
    from.end()?;
    Ok(BoxedValue::value(up(old).into()))
}
