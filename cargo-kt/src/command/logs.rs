//! `cargo kt logs`: what a service's remote functions printed.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use kt::wire::control::LogFrom;

use super::{CommandError, Speech, start};
use crate::place::{self, Dirs, PlaceError};

#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// The service, as `cargo kt ls` names it; may be left out if there is only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn logs(args: LogsArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, print(&args))
}

/// Prints the log as it is, to its end or the service's.
async fn print(args: &LogsArgs) -> Result<ExitCode, CommandError> {
    let dirs = Dirs::current()?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => only(&dirs).await?,
    };
    let mut logs = place::logs(&dirs, &name, LogFrom::Start, args.follow).await?;
    let mut out = io::stdout();
    while let Some(piece) = logs.next().await {
        match out.write_all(&piece?).and_then(|()| out.flush()) {
            // A reader that has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(source) => {
                return Err(CommandError::Io {
                    what: "print the log".into(),
                    source,
                });
            }
            Ok(()) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The one service that is up.
async fn only(dirs: &Dirs) -> Result<String, CommandError> {
    let mut names: Vec<String> = place::list(dirs)
        .await?
        .into_iter()
        .map(|service| service.name)
        .collect();
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(PlaceError::WhichService { names }.into()),
    }
}
