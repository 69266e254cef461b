//! Errors of encoding and decoding.

use std::fmt;

use crate::error::{Error, Part};

/// A value that could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// The encoding would be longer than this many bytes.
    TooLarge {
        limit: usize,
    },
    Invalid(String),
    /// The value is too long or too deep for a shared thread. See
    /// [`ThreadKind`](super::ThreadKind).
    NeedsOwnThread,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "more than {limit} bytes"),
            Self::Invalid(reason) => f.write_str(reason),
            Self::NeedsOwnThread => f.write_str("it requires a thread of its own"),
        }
    }
}

impl std::error::Error for CodecError {}

impl CodecError {
    /// The error of a call whose arguments or result this process could not encode or decode.
    pub(crate) fn into_call_error(self, function: &str, part: Part) -> Error {
        let function = function.to_owned();
        match self {
            Self::TooLarge { limit } => Error::TooLarge {
                function,
                what: part,
                limit: limit as u64,
            },
            error => Error::Codec {
                function,
                what: part,
                reason: match part {
                    Part::Arguments => format!("this program cannot encode them: {error}"),
                    Part::Result => format!("this program cannot decode it: {error}"),
                },
            },
        }
    }
}

/// A [`CodecError`] inside serde. Boxed, because the call for every value returns it.
#[derive(Debug)]
pub struct Fail(pub(super) Box<CodecError>);

impl Fail {
    #[cold]
    pub(super) fn new(reason: impl fmt::Display) -> Self {
        CodecError::Invalid(reason.to_string()).into()
    }
}

impl From<CodecError> for Fail {
    fn from(error: CodecError) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fail {}

impl serde::ser::Error for Fail {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl serde::de::Error for Fail {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
