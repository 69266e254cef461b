//! The one place that knows how values become bytes.
//!
//! Messages of kt's own are in bincode 2. So are the arguments and results of calls, where that is proven to give back what was
//! sent: where each step of the value's `Serialize` is the step that the type's `Deserialize` asks for (see
//! [`check`]). All others travel in the [format](mod@format) that states have, in which everything says what it is. The
//! codec's id travels with each body.

mod check;
mod compact;
mod error;
pub mod format;
pub(crate) mod graph;
mod place;
#[cfg(test)]
mod tests;

use std::{
    any::type_name,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

pub use error::CodecError;
pub use place::Place;
use place::Stack;
pub(crate) use place::{apart, apart_blocking};

use format::FormatError;
use graph::Graph;

use crate::error::Part;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// bincode 2, variable-length integers.
    Compact,
    /// The self-describing format, as for a peer.
    Named,
}

impl Codec {
    /// Its content type.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Compact => "application/vnd.kt.bincode2",
            Self::Named => "application/vnd.kt.named",
        }
    }

    /// Its content type as a header's value.
    pub fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.id())
    }

    /// Of a body with these headers.
    ///
    /// # Errors
    /// If it is another or not said.
    pub fn of(headers: &HeaderMap) -> Result<Self, CodecError> {
        let said = headers.get(CONTENT_TYPE);
        let mut known = [Self::Compact, Self::Named].into_iter();
        known
            .find(|codec| said.is_some_and(|said| said == codec.id()))
            .ok_or_else(|| {
                let said = said.map_or("none", |said| {
                    said.to_str().unwrap_or("one that is no text")
                });
                CodecError::Invalid(format!("its content type is {said}"))
            })
    }
}

/// What is known of the types of a call's arguments or of its result.
#[derive(Debug)]
pub struct Types {
    part: Part,
    /// One for each, if all of them have one.
    graphs: Option<Arc<[Arc<Graph>]>>,
    /// A value was not written as it would be read: the next one most likely is not either.
    named: AtomicBool,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub codec: Codec,
}

impl Types {
    pub(crate) fn new(part: Part, graphs: Option<Vec<Graph>>) -> Self {
        Self {
            part,
            graphs: graphs.map(|graphs| graphs.into_iter().map(Arc::new).collect()),
            named: AtomicBool::new(false),
        }
    }

    /// Encodes the values that `put` puts, which may be asked for them a second time.
    ///
    /// # Errors
    /// If the limit is reached, or a value's `Serialize` fails. [`CodecError::Elsewhere`] if it cannot be done at this place.
    pub fn encode(
        &self,
        limit: usize,
        place: Place,
        put: impl Fn(&mut Encoder) -> Result<(), CodecError>,
    ) -> Result<Encoded, CodecError> {
        let elsewhere = |error| match error {
            CodecError::TooLarge { limit: reached } if reached < limit => CodecError::Elsewhere,
            error => error,
        };
        let most = place.bytes(limit);
        if let Some(graphs) = &self.graphs
            && !self.named.load(Ordering::Relaxed)
        {
            let mut encoder = Encoder::compact(graphs, most, Stack::at(place));
            match put(&mut encoder) {
                Ok(()) if encoder.is_faithful() => {
                    return Ok(Encoded {
                        bytes: encoder.finish(),
                        codec: Codec::Compact,
                    });
                }
                Err(error @ (CodecError::TooLarge { .. } | CodecError::Elsewhere)) => {
                    return Err(elsewhere(error));
                }
                // Also what its `Serialize` refused: the other format says where that was.
                Ok(()) | Err(CodecError::Invalid(_)) => {
                    self.named.store(true, Ordering::Relaxed);
                }
            }
        }
        let mut encoder = Encoder::named(self.part, most, Stack::at(place));
        put(&mut encoder).map_err(elsewhere)?;
        Ok(Encoded {
            bytes: encoder.finish(),
            codec: Codec::Named,
        })
    }

    /// Decodes the values that `take` takes, which must be all.
    ///
    /// # Errors
    /// If the bytes are none that the types encode to. [`CodecError::Elsewhere`] if it cannot be done at this place.
    pub fn decode<T>(
        &self,
        bytes: &[u8],
        codec: Codec,
        place: Place,
        take: impl FnOnce(&mut Decoder<'_>) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        if bytes.len() > place.bytes(usize::MAX) {
            return Err(CodecError::Elsewhere);
        }
        let mut decoder = Decoder::new(self.part, bytes, codec, Stack::at(place));
        let value = take(&mut decoder)?;
        decoder.end()?;
        Ok(value)
    }
}

/// Encodes the values of a body one behind the other.
#[derive(Debug)]
pub struct Encoder {
    way: Way<compact::Writer, format::Encoder<'static>>,
    part: Part,
    graphs: Option<Arc<[Arc<Graph>]>>,
    count: usize,
}

/// Decodes the values of a body one behind the other.
#[derive(Debug)]
pub struct Decoder<'a> {
    way: Way<compact::Reader<'a>, format::Decoder<'static>>,
    part: Part,
    count: usize,
}

#[derive(Debug)]
enum Way<C, N> {
    Compact(C),
    Named(N),
}

impl Encoder {
    fn compact(graphs: &Arc<[Arc<Graph>]>, limit: usize, stack: Stack) -> Self {
        Self {
            way: Way::Compact(compact::Writer::new(limit, stack)),
            part: Part::Arguments,
            graphs: Some(Arc::clone(graphs)),
            count: 0,
        }
    }

    fn named(part: Part, limit: usize, stack: Stack) -> Self {
        Self {
            way: Way::Named(format::Encoder::collecting(
                format::Reader::Peer,
                limit,
                stack,
            )),
            part,
            graphs: None,
            count: 0,
        }
    }

    /// Appends one value.
    ///
    /// # Errors
    /// If the limit is reached, or the value's `Serialize` fails.
    pub fn put<T: Serialize>(&mut self, value: &T) -> Result<(), CodecError> {
        self.count += 1;
        match &mut self.way {
            Way::Compact(writer) => {
                let graphs = self.graphs.as_deref().unwrap_or_default();
                if let Some(graph) = graphs.get(self.count - 1) {
                    writer.check.begin(Arc::clone(graph));
                }
                value.serialize(writer).map_err(|error| *error.0)
            }
            Way::Named(encoder) => encoder.put(value).map_err(|error| {
                located(
                    self.part,
                    self.count,
                    type_name::<T>(),
                    Work::Encode,
                    &error,
                )
            }),
        }
    }

    fn is_faithful(&self) -> bool {
        match &self.way {
            Way::Compact(writer) => {
                let graphs = self.graphs.as_deref().unwrap_or_default();
                !writer.check.failed() && self.count == graphs.len()
            }
            Way::Named(_) => true,
        }
    }

    fn finish(self) -> Vec<u8> {
        match self.way {
            Way::Compact(writer) => writer.bytes,
            Way::Named(encoder) => encoder.collected(),
        }
    }
}

impl<'a> Decoder<'a> {
    fn new(part: Part, bytes: &'a [u8], codec: Codec, stack: Stack) -> Self {
        let way = match codec {
            Codec::Compact => Way::Compact(compact::Reader::new(bytes, stack)),
            Codec::Named => {
                let reader = format::Reader::Peer;
                Way::Named(format::Decoder::of(reader, bytes.to_vec(), stack))
            }
        };
        Self {
            way,
            part,
            count: 0,
        }
    }

    /// Takes one value off the front.
    ///
    /// # Errors
    /// If the bytes end early or are none that `T` encodes to.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        self.count += 1;
        let (part, count) = (self.part, self.count);
        match &mut self.way {
            Way::Compact(reader) => T::deserialize(reader).map_err(|error| match *error.0 {
                CodecError::Invalid(reason) => CodecError::Invalid(format!(
                    "{}: {reason}",
                    value(part, count, type_name::<T>())
                )),
                error => error,
            }),
            Way::Named(decoder) => decoder
                .take()
                .map_err(|error| located(part, count, type_name::<T>(), Work::Decode, &error)),
        }
    }

    fn end(mut self) -> Result<(), CodecError> {
        match &mut self.way {
            Way::Compact(reader) => nothing_left(reader.left()),
            Way::Named(decoder) => decoder.end().map_err(|error| invalid(&error)),
        }
    }
}

/// Bytes of a place in a value that a person still reads.
const PATH: usize = 200;

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Encode,
    Decode,
}

/// Which value of a body it is, for messages.
#[cold]
fn value(part: Part, count: usize, name: &str) -> String {
    match part {
        Part::Arguments => format!("argument {count} (`{name}`)"),
        Part::Result => format!("`{name}`"),
    }
}

#[cold]
fn located(part: Part, count: usize, name: &str, work: Work, error: &FormatError) -> CodecError {
    if let Some(cause) = error.cause() {
        return cause;
    }
    let (value, path) = (value(part, count, name), error.path());
    let place = match path.len() {
        0 => value,
        1..=PATH => format!("`{path}` of {value}"),
        // A value that is too deep.
        _ => format!("deep inside {value}"),
    };
    let help = match work {
        Work::Encode => "",
        Work::Decode => {
            "\nhelp: its `Deserialize` must accept what its `Serialize` writes; `serde_json` shows both"
        }
    };
    CodecError::Invalid(format!("{place}: {}{help}", error.reason()))
}

/// Encodes a message of kt's own.
///
/// # Errors
/// If it is longer than `limit`.
pub fn encode<T: Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut writer = compact::Writer::new(limit, Stack::at(Place::Blocking));
    message.serialize(&mut writer).map_err(|error| *error.0)?;
    Ok(writer.bytes)
}

/// Decodes a message of kt's own, which fills all the bytes. Takes no more memory than they account for.
///
/// # Errors
/// If the bytes are none that `T` encodes to.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = compact::Reader::new(bytes, Stack::at(Place::Blocking));
    let message = T::deserialize(&mut reader).map_err(|error| *error.0)?;
    nothing_left(reader.left())?;
    Ok(message)
}

fn nothing_left(left: usize) -> Result<(), CodecError> {
    match left {
        0 => Ok(()),
        left => Err(CodecError::Invalid(format!("{left} bytes too many"))),
    }
}

#[cold]
fn invalid(error: &FormatError) -> CodecError {
    error
        .cause()
        .unwrap_or_else(|| CodecError::Invalid(error.to_string()))
}
