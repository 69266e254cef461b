//! Converts between the format of states and JSON, in both directions and as exactly as JSON
//! allows.
//!
//! | value | JSON |
//! |---|---|
//! | numbers of up to 128 bits | a number with all its digits |
//! | NaN and the infinities | `"NaN"`, `"inf"`, `"-inf"` |
//! | bytes | an array of numbers |
//! | `Some(x)`, `None`, `()` | `x`, `null`, `null` |
//! | a map whose keys are strings, numbers, booleans | an object |
//! | any other map, or one in which two keys would collide | an array of `[key, value]` |
//! | enums | as in serde_json: `"Unit"`, `{"Variant": …}` |

mod from_encoded;
#[cfg(test)]
mod tests;
mod to_encoded;

use std::thread;

use kt::wire::state::format::{Decoder, Encoder, Reader, STACK};

use self::{from_encoded::Json, to_encoded::Written};

/// How JSON is formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Pretty,
    Line,
}

/// Converts a value in the format of states to JSON. The error is a message.
pub(super) fn from_encoded(bytes: Vec<u8>, style: Style) -> Result<String, String> {
    deep(move || {
        let mut pieces = Some(bytes);
        let mut more = || pieces.take();
        let mut decoder = Decoder::new(Reader::Person, &mut more);
        let value: Json = decoder.take().map_err(|error| error.to_string())?;
        decoder.end().map_err(|error| error.to_string())?;
        let text = match style {
            Style::Pretty => serde_json::to_string_pretty(&value),
            Style::Line => serde_json::to_string(&value),
        };
        text.map_err(|error| error.to_string())
    })
    .unwrap_or_else(Err)
}

/// Converts JSON to a value in the format of states, for [`Reader::Person`].
pub(super) fn to_encoded(text: &str) -> Result<Vec<u8>, serde_json::Error> {
    let text = text.to_owned();
    let encode = move || {
        let value = serde_json::from_str(&text)?;
        let mut bytes = Vec::new();
        let mut sink = |piece: Vec<u8>| {
            bytes.extend(piece);
            Ok(())
        };
        let mut encoder = Encoder::new(Reader::Person, &mut sink);
        let encoded = encoder.put(&Written(value)).and_then(|()| encoder.finish());
        encoded.map_err(serde::de::Error::custom)?;
        Ok(bytes)
    };
    deep(encode).unwrap_or_else(|reason| Err(serde::de::Error::custom(reason)))
}

/// Runs on a thread whose stack is large enough for deeply nested values.
fn deep<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let thread = thread::Builder::new().stack_size(STACK).spawn(work);
    let thread = thread.map_err(|error| format!("failed to start a thread: {error}"))?;
    thread
        .join()
        .map_err(|_| "the conversion panicked".to_owned())
}
