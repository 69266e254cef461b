//! Prints the log's bytes.

use std::process::ExitCode;

use crate::{
    command::{CommandError, print::print_bytes},
    place::Logs,
    terminal::escape::Escape,
};

/// Prints the log unchanged, or with control sequences escaped.
pub(super) async fn print(mut logs: Logs, escapes: bool) -> Result<ExitCode, CommandError> {
    let mut escape = escapes.then(Escape::default);
    while let Some(piece) = logs.next().await {
        let piece = piece?;
        let has_reader = match &mut escape {
            Some(escape) => print_bytes(&escape.push(&piece))?,
            None => print_bytes(&piece)?,
        };
        if !has_reader {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if let Some(escape) = &mut escape {
        print_bytes(&escape.finish())?;
    }
    Ok(ExitCode::SUCCESS)
}
