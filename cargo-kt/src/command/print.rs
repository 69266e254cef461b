//! What a command was asked for, on standard output.

use std::io::{self, Write};

use super::CommandError;

/// Prints a text. A reader that has seen enough is no error.
///
/// # Errors
/// If it cannot be printed for another reason.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    print_bytes(text.as_bytes()).map(drop)
}

/// As [`print`]; false if the reader has closed the pipe.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<bool, CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(CommandError::Io {
            what: "print the answer".into(),
            source,
        }),
    }
}
