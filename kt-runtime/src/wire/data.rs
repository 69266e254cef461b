//! Driver ↔ worker: HTTP/2 on the connection that the host handed over. One request is one call; its reset is its
//! cancellation.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /call` with the headers below | arguments | 200 and the result, or a [`Fault`] with its status |
//! | `POST /worker` | none | the [`WorkerId`] |
//! | `GET /output` | none | everything that the worker prints from now on, as [`Output`] frames |

use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{Generation, WorkerId};
pub use crate::{
    error::Part,
    fault::{RawFrame, RawPanic},
};

pub const CALL: &str = "/call";
pub const WORKER: &str = "/worker";
pub const OUTPUT: &str = "/output";

/// What `cargo kt` itself answers while a driver runs: [`Symbolize`] → `Vec<`[`Symbol`]`>`.
pub const SYMBOLIZE: &str = "/symbolize";
/// What a driver tells it there once, after a cold start: its first call was answered. `()` → `()`.
pub const ANSWERED: &str = "/answered";

/// What a driver tells it there when it has printed where a call waits: [`BreakpointReached`] → `()`.
pub const BREAKPOINT: &str = "/breakpoint";

/// Of requests and answers.
pub mod header {
    use http::HeaderName;

    /// The codec of the body: [`Codec::id`](crate::codec::Codec::id).
    pub static CONTENT_TYPE: HeaderName = http::header::CONTENT_TYPE;
    /// Request: the function's key. Not in the path, which HPACK never puts into its table (RFC 7541, 6.2.2 leaves that to
    /// the encoder, and h2 does as nghttp2): there it would travel, and be coded by Huffman, with every call.
    pub static FUNCTION: HeaderName = HeaderName::from_static("kt-function");
    /// Request: the oldest generation that the caller accepts. Answer: the one that answered.
    pub static GENERATION: HeaderName = HeaderName::from_static("kt-generation");
    /// Request: hash of the arguments' and the result's shape.
    pub static SHAPE: HeaderName = HeaderName::from_static("kt-shape");
    /// Request: the caller has a `tracing` subscriber.
    pub static TRACED: HeaderName = HeaderName::from_static("kt-traced");
    /// Answer: a position in the output that nothing which the call has printed lies behind.
    pub static POSITION: HeaderName = HeaderName::from_static("kt-position");
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
        #[serde(with = "super::public::Part")]
        what: Part,
        limit: u64,
    },
    /// Arguments that cannot be decoded, or a result that cannot be encoded.
    Codec {
        #[serde(with = "super::public::Part")]
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
    /// Position after these bytes, counted in bytes of both streams from the worker's first.
    pub position: u64,
    /// The log's position after them: it differs where the log could not be written, or holds other workers' output.
    pub logged: u64,
    pub bytes: Vec<u8>,
    /// A call waits at a breakpoint, as what was printed before says.
    pub breakpoint: Option<BreakpointReached>,
}

/// A call that waits at a breakpoint for a debugger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakpointReached {
    /// The path of the function around the breakpoint.
    pub function: String,
    pub file: String,
    pub line: u32,
    /// The key of the remote function that a program called; `None` in a task of the worker's own.
    pub call: Option<String>,
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

/// A function's key as a header's value: as it is, since values may have bytes beyond ASCII (RFC 9110, 5.5). `None`: it has
/// control characters, which no name in Rust has.
pub fn key_value(key: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(key.as_bytes()).ok()
}

/// The key in a request's headers, if there is one and it is text.
pub fn key_of(headers: &HeaderMap) -> Option<&str> {
    std::str::from_utf8(headers.get(&header::FUNCTION)?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(key_of(&headers), None);
        for key in ["app/bin:app::f", "straße:größe::r#type 100%", ""] {
            headers.insert(&header::FUNCTION, key_value(key).unwrap());
            assert_eq!(key_of(&headers), Some(key));
        }
        headers.insert(&header::FUNCTION, HeaderValue::from_bytes(&[0xff]).unwrap());
        assert_eq!(key_of(&headers), None);
        assert_eq!(key_value("two\nlines"), None);
    }
}
