//! Driver ↔ worker: HTTP/2 on the connection that the host handed over. One request is one call. A
//! reset of its stream cancels the call.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /call` with the headers below | arguments | 200 and the result, or a [`Fault`] with its status |
//! | `POST /worker` | none | the [`WorkerId`] |
//! | `GET /output` | none | everything that the worker prints from then on, as [`Output`] frames |

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

/// Driver → `cargo kt`: [`Symbolize`] → `Vec<`[`Symbol`]`>`.
pub const SYMBOLIZE: &str = "/symbolize";
/// Driver → `cargo kt`, once after a cold start: the first call was answered. `()` → `()`.
pub const ANSWERED: &str = "/answered";

/// Driver → `cargo kt`, after printing where a call waits: [`BreakpointReached`] → `()`.
pub const BREAKPOINT: &str = "/breakpoint";

/// Headers of requests and answers.
pub mod header {
    use http::HeaderName;

    /// The codec of the body: [`Codec::id`](crate::codec::Codec::id).
    pub static CONTENT_TYPE: HeaderName = http::header::CONTENT_TYPE;
    /// Request: the function's key. Not in the path, because h2 does not put paths into HPACK's
    /// table (RFC 7541, 6.2.2 allows both): each call would encode and send it again.
    pub static FUNCTION: HeaderName = HeaderName::from_static("kt-function");
    /// Request: the oldest generation that the caller accepts. Answer: the one that answered.
    pub static GENERATION: HeaderName = HeaderName::from_static("kt-generation");
    /// Request: hash of the arguments' and the result's shape.
    pub static SHAPE: HeaderName = HeaderName::from_static("kt-shape");
    /// Request: the caller has a `tracing` subscriber.
    pub static TRACED: HeaderName = HeaderName::from_static("kt-traced");
    /// Answer: a position in the output. Everything that the call printed is before it.
    pub static POSITION: HeaderName = HeaderName::from_static("kt-position");
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// No remote function has this key.
    UnknownFunction {
        nearest: Option<String>,
    },
    /// The caller and the function have different types.
    ShapeMismatch {
        ours: String,
    },
    /// The worker serves an older generation than the caller accepts.
    OldGeneration {
        serving: Generation,
    },
    Panicked(RawPanic),
    /// The arguments or the result exceed the limit, in bytes.
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
    /// The worker is stopping.
    Draining,
}

/// One frame of `/output`. The first one is sent immediately and has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub worker: WorkerId,
    pub stream: Stream,
    /// Position after these bytes, counted in bytes of both streams from the worker's start.
    pub position: u64,
    /// Position in the log after these bytes. It differs because the log has other workers' output,
    /// or could not be written.
    pub logged: u64,
    pub bytes: Vec<u8>,
    /// A call waits at a breakpoint. The output before this frame says where.
    pub breakpoint: Option<BreakpointReached>,
}

/// A call that waits at a breakpoint for a debugger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakpointReached {
    /// The path of the function around the breakpoint.
    pub function: String,
    pub file: String,
    pub line: u32,
    /// The key of the called remote function; `None` in a background task of the worker.
    pub call: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Asks `cargo kt` for the symbols of addresses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Symbolize {
    pub frames: Vec<RawFrame>,
}

/// The symbol of one address. Inlined functions yield several, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    pub function: String,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Whether it is the developer's own code.
    pub user: bool,
}

/// A function's key as a header value, unescaped: values may have bytes beyond ASCII (RFC 9110,
/// 5.5). `None` if it has control characters, which no Rust name has.
pub fn key_value(key: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(key.as_bytes()).ok()
}

/// The key in a request's headers, if it is present and valid UTF-8.
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
