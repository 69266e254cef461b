//! What goes wrong, and where in the value.

use std::fmt;

use crate::codec::CodecError;

/// A value that cannot be encoded or decoded. Boxed: it is rare, and every call on the way returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    /// Innermost first.
    path: Vec<String>,
    reason: String,
    /// Of what is wrong with the place and not with the value.
    cause: Option<CodecError>,
}

impl FormatError {
    pub(super) fn new(reason: impl fmt::Display) -> Self {
        Self(Box::new(Inner {
            path: Vec::new(),
            reason: reason.to_string(),
            cause: None,
        }))
    }

    /// The limit, or the stack.
    #[cold]
    pub(super) fn caused(cause: CodecError) -> Self {
        let mut error = Self::new(&cause);
        error.0.cause = match cause {
            CodecError::Invalid(_) => None,
            cause => Some(cause),
        };
        error
    }

    /// The limit, or the stack, if that is what was reached.
    pub(crate) fn cause(&self) -> Option<CodecError> {
        self.0.cause.clone()
    }

    /// The same error, seen from one level further out.
    pub(super) fn inside(mut self, segment: impl fmt::Display) -> Self {
        // What lies deeper than anybody reads is left out.
        if self.0.path.len() < 64 {
            self.0.path.push(segment.to_string());
        }
        self
    }

    /// Where in the value, as `.field[3].other`; empty for the value as a whole.
    pub fn path(&self) -> String {
        self.0.path.iter().rev().map(String::as_str).collect()
    }

    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if path.is_empty() {
            f.write_str(&self.0.reason)
        } else {
            write!(f, "`{path}`: {}", self.0.reason)
        }
    }
}

impl std::error::Error for FormatError {}

impl serde::ser::Error for FormatError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}

impl serde::de::Error for FormatError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }
}
