//! How values become bytes. Must not know what the bytes are for, nor how they are sent.
//!
//! Messages of kt's own are bincode 2. So are the arguments and results of calls for which that is
//! proven to be lossless: each step of the value's `Serialize` is the step that the type's
//! `Deserialize` requests (see [`check`]). All others use the self-describing [format](mod@format)
//! of states. Each body is sent with the id of its codec.

mod check;
mod compact;
mod error;
pub mod format;
pub(crate) mod graph;
#[cfg(test)]
mod tests;
mod thread;

use std::{
    any::type_name,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

pub use error::CodecError;
use thread::Stack;
pub use thread::ThreadKind;
pub(crate) use thread::{on_own_thread, on_own_thread_blocking};

use format::FormatError;
use graph::Graph;

use crate::error::Part;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// bincode 2, variable-length integers.
    Compact,
    /// The self-describing format, for a [peer](format::Reader::Peer).
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

    /// The codec of a body with these headers.
    ///
    /// # Errors
    /// If it is unknown or missing.
    pub fn of(headers: &HeaderMap) -> Result<Self, CodecError> {
        let found = headers.get(CONTENT_TYPE);
        let mut known = [Self::Compact, Self::Named].into_iter();
        known
            .find(|codec| found.is_some_and(|found| found == codec.id()))
            .ok_or_else(|| {
                let found = found.map_or("missing", |found| found.to_str().unwrap_or("not text"));
                CodecError::Invalid(format!("its content type is {found}"))
            })
    }
}

/// The types of a call's arguments or of its result.
#[derive(Debug)]
pub struct Types {
    part: Part,
    /// One per type, if all types have one.
    graphs: Option<Arc<[Arc<Graph>]>>,
    /// A value was not written as it would be read. Later values most likely are not, either.
    named: AtomicBool,
}

/// An encoded body.
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

    /// Encodes the values that `put` puts. `put` may be called twice.
    ///
    /// # Errors
    /// If the limit is reached, or a value's `Serialize` fails. [`CodecError::NeedsOwnThread`] if
    /// this thread may not do it.
    pub fn encode(
        &self,
        limit: usize,
        thread: ThreadKind,
        put: impl Fn(&mut Encoder) -> Result<(), CodecError>,
    ) -> Result<Encoded, CodecError> {
        let over = |error| match error {
            CodecError::TooLarge { limit: reached } if reached < limit => {
                CodecError::NeedsOwnThread
            }
            error => error,
        };
        let most = thread.bytes(limit);
        if let Some(graphs) = &self.graphs
            && !self.named.load(Ordering::Relaxed)
        {
            let mut encoder = Encoder::compact(graphs, most, Stack::on(thread));
            match put(&mut encoder) {
                Ok(()) if encoder.is_faithful() => {
                    return Ok(Encoded {
                        bytes: encoder.finish(),
                        codec: Codec::Compact,
                    });
                }
                Err(error @ (CodecError::TooLarge { .. } | CodecError::NeedsOwnThread)) => {
                    return Err(over(error));
                }
                // Also if its `Serialize` failed: the other format reports where.
                Ok(()) | Err(CodecError::Invalid(_)) => {
                    self.named.store(true, Ordering::Relaxed);
                }
            }
        }
        let mut encoder = Encoder::named(self.part, most, Stack::on(thread));
        put(&mut encoder).map_err(over)?;
        Ok(Encoded {
            bytes: encoder.finish(),
            codec: Codec::Named,
        })
    }

    /// Decodes the values that `take` takes. It must take all.
    ///
    /// # Errors
    /// If the bytes are not an encoding of the types. [`CodecError::NeedsOwnThread`] if this thread
    /// may not do it.
    pub fn decode<T>(
        &self,
        bytes: &[u8],
        codec: Codec,
        thread: ThreadKind,
        take: impl FnOnce(&mut Decoder<'_>) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        if bytes.len() > thread.bytes(usize::MAX) {
            return Err(CodecError::NeedsOwnThread);
        }
        let mut decoder = Decoder::new(self.part, bytes, codec, Stack::on(thread));
        let value = take(&mut decoder)?;
        decoder.end()?;
        Ok(value)
    }
}

/// Encodes the values of a body one after the other.
#[derive(Debug)]
pub struct Encoder {
    backend: Backend<compact::Writer, format::Encoder<'static>>,
    part: Part,
    graphs: Option<Arc<[Arc<Graph>]>>,
    count: usize,
}

/// Decodes the values of a body one after the other.
#[derive(Debug)]
pub struct Decoder<'a> {
    backend: Backend<compact::Reader<'a>, format::Decoder<'static>>,
    part: Part,
    count: usize,
}

#[derive(Debug)]
enum Backend<C, N> {
    Compact(C),
    Named(N),
}

impl Encoder {
    fn compact(graphs: &Arc<[Arc<Graph>]>, limit: usize, stack: Stack) -> Self {
        Self {
            backend: Backend::Compact(compact::Writer::new(limit, stack)),
            part: Part::Arguments,
            graphs: Some(Arc::clone(graphs)),
            count: 0,
        }
    }

    fn named(part: Part, limit: usize, stack: Stack) -> Self {
        Self {
            backend: Backend::Named(format::Encoder::collecting(
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
        match &mut self.backend {
            Backend::Compact(writer) => {
                let graphs = self.graphs.as_deref().unwrap_or_default();
                if let Some(graph) = graphs.get(self.count - 1) {
                    writer.check.begin(Arc::clone(graph));
                }
                value.serialize(writer).map_err(|error| *error.0)
            }
            Backend::Named(encoder) => encoder.put(value).map_err(|error| {
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
        match &self.backend {
            Backend::Compact(writer) => {
                let graphs = self.graphs.as_deref().unwrap_or_default();
                !writer.check.failed() && self.count == graphs.len()
            }
            Backend::Named(_) => true,
        }
    }

    fn finish(self) -> Vec<u8> {
        match self.backend {
            Backend::Compact(writer) => writer.bytes,
            Backend::Named(encoder) => encoder.collected(),
        }
    }
}

impl<'a> Decoder<'a> {
    fn new(part: Part, bytes: &'a [u8], codec: Codec, stack: Stack) -> Self {
        let backend = match codec {
            Codec::Compact => Backend::Compact(compact::Reader::new(bytes, stack)),
            Codec::Named => {
                let reader = format::Reader::Peer;
                Backend::Named(format::Decoder::of(reader, bytes.to_vec(), stack))
            }
        };
        Self {
            backend,
            part,
            count: 0,
        }
    }

    /// Decodes the next value.
    ///
    /// # Errors
    /// If the bytes end early or are not an encoding of `T`.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        self.count += 1;
        let (part, count) = (self.part, self.count);
        match &mut self.backend {
            Backend::Compact(reader) => T::deserialize(reader).map_err(|error| match *error.0 {
                CodecError::Invalid(reason) => CodecError::Invalid(format!(
                    "{}: {reason}",
                    value(part, count, type_name::<T>())
                )),
                error => error,
            }),
            Backend::Named(decoder) => decoder
                .take()
                .map_err(|error| located(part, count, type_name::<T>(), Work::Decode, &error)),
        }
    }

    fn end(mut self) -> Result<(), CodecError> {
        match &mut self.backend {
            Backend::Compact(reader) => nothing_left(reader.left()),
            Backend::Named(decoder) => decoder.end().map_err(|error| invalid(&error)),
        }
    }
}

/// Limit of a path in a message, in bytes.
const PATH: usize = 200;

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Encode,
    Decode,
}

/// Names a value of a body, for messages.
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
        // The value is nested too deeply.
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
    let mut writer = compact::Writer::new(limit, Stack::on(ThreadKind::Blocking));
    message.serialize(&mut writer).map_err(|error| *error.0)?;
    Ok(writer.bytes)
}

/// Decodes a message of kt's own, which must use all bytes. Allocates no more than the bytes
/// account for.
///
/// # Errors
/// If the bytes are not an encoding of `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = compact::Reader::new(bytes, Stack::on(ThreadKind::Blocking));
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
