//! Errors, and their location in the value.

use std::fmt;

use crate::codec::CodecError;

/// A value that cannot be encoded or decoded. Boxed: it is rare, and every function on the path
/// returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    /// Innermost first.
    path: Vec<String>,
    reason: String,
    /// Set if the limit or the stack is exhausted, not for a fault in the value.
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

    /// An exhausted limit or stack.
    #[cold]
    pub(super) fn caused(cause: CodecError) -> Self {
        let mut error = Self::new(&cause);
        error.0.cause = match cause {
            CodecError::Invalid(_) => None,
            cause => Some(cause),
        };
        error
    }

    /// The exhausted limit or stack, if that is the cause.
    pub(crate) fn cause(&self) -> Option<CodecError> {
        self.0.cause.clone()
    }

    /// The same error, one level further out.
    pub(super) fn inside(mut self, segment: impl fmt::Display) -> Self {
        // Limits the length of the displayed path.
        if self.0.path.len() < 64 {
            self.0.path.push(segment.to_string());
        }
        self
    }

    /// Location in the value, such as `.field[3].other`; empty for the value as a whole.
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
