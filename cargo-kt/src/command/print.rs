//! Prints the output of commands.

use std::io::{self, Write};

use super::CommandError;

/// Prints a text. A closed pipe is not an error.
///
/// # Errors
/// If the write fails for another reason.
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
            what: "print the output".into(),
            source,
        }),
    }
}
