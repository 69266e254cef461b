//! Driver ↔ worker: HTTP/2 on the connection that the host handed over. One request is one call; its reset is its
//! cancellation.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /call/<key>` with the headers below | arguments | 200 and the result, or a [`Fault`] with its status |
//! | `GET /output` | none | everything that the worker prints from now on, as [`Output`] frames |

use serde::{Deserialize, Serialize};

use super::{Generation, WorkerId};
pub use crate::{
    call::{RawFrame, RawPanic},
    error::Part,
};

pub const CALL: &str = "/call/";
pub const OUTPUT: &str = "/output";

/// What `cargo kt` itself answers while a driver runs: [`Symbolize`] → `Vec<`[`Symbol`]`>`.
pub const SYMBOLIZE: &str = "/symbolize";

/// Of requests and answers.
pub mod header {
    /// The codec of the body: [`codec::ID`](crate::wire::codec::ID).
    pub const CONTENT_TYPE: &str = "content-type";
    /// Request: the oldest generation that the caller accepts. Answer: the one that answered.
    pub const GENERATION: &str = "kt-generation";
    /// Request: hash of the arguments' and the result's shape.
    pub const SHAPE: &str = "kt-shape";
    /// Request: milliseconds until the caller gives up.
    pub const TIMEOUT: &str = "kt-timeout";
    /// Answer: the position in the output up to which this call had printed.
    pub const POSITION: &str = "kt-position";
}

/// A call that did not come to a result of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// No remote function of this key; the most similar one.
    UnknownFunction {
        nearest: Option<String>,
    },
    /// The caller was built with other types than the function.
    ShapeMismatch {
        ours: String,
    },
    /// The worker serves an older generation than the caller asks for.
    OldGeneration {
        serving: Generation,
    },
    Panicked(RawPanic),
    /// Arguments or result over the limit, bytes.
    TooLarge {
        what: Part,
        limit: u64,
    },
    /// Arguments that cannot be decoded, or a result that cannot be encoded.
    Codec {
        what: Part,
        reason: String,
    },
    /// The worker is ending.
    Draining,
}

/// One frame of `/output`: the first one comes at once and has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub worker: WorkerId,
    pub stream: Stream,
    /// Position after these bytes, counted in bytes of both streams from the service's first.
    pub position: u64,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A question to `cargo kt`: what do these addresses mean?
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Symbolize {
    pub frames: Vec<RawFrame>,
}

/// The answer for one address; inlined functions make it several, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    pub function: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Whether it is code that the developer can edit.
    pub user: bool,
}

/// A function's key as part of a path: what is not plain in a URI is written as `%XX` (RFC 3986, 2.1).
pub fn path_segment(key: &str) -> String {
    let mut segment = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b':' | b'/' | b'.' => {
                segment.push(byte.into())
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

/// The key in a path, or nothing if the path is not well formed.
pub fn key_of(segment: &str) -> Option<String> {
    let (mut key, mut bytes) = (Vec::with_capacity(segment.len()), segment.bytes());
    while let Some(byte) = bytes.next() {
        key.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(bytes.next()?)? << 4 | digit(bytes.next()?)?) as u8
            }
            plain => plain,
        });
    }
    String::from_utf8(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_the_path() {
        for key in ["app/bin:app::f", "straße:größe::r#type 100%", ""] {
            assert_eq!(key_of(&path_segment(key)).as_deref(), Some(key));
        }
        assert_eq!(key_of("%"), None);
        assert_eq!(key_of("%ff"), None);
    }
}
