//! `cargo kt logs`: what a service's remote functions printed.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use kt::wire::control::LogFrom;

use super::{CommandError, Speech, places::PlaceArgs, profile::ProfileArgs, start};
use crate::config::duration;
use crate::place::{PlaceError, Places};

#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// The service, as `cargo kt ls` names it; may be left out if there is only one
    #[arg(value_name = "NAME", conflicts_with = "ProfileArgs")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Only what was printed in the last while, such as 30s or 10m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn logs(args: LogsArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, print(&args))
}

/// Prints the log as it is, to its end or the service's.
async fn print(args: &LogsArgs) -> Result<ExitCode, CommandError> {
    let places = args.places.places()?;
    let name = match (&args.name, args.profile.service(&places).await?) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name,
        (None, None) => only(&places).await?,
    };
    let from = args.since.map_or(LogFrom::Start, |since| LogFrom::Last {
        ms: since.as_millis().try_into().unwrap_or(u64::MAX),
    });
    let mut logs = places.logs(&name, from, args.follow).await?;
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
async fn only(places: &Places) -> Result<String, CommandError> {
    let mut names: Vec<String> = places
        .list(false)
        .await?
        .into_iter()
        .map(|service| service.name)
        .collect();
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(PlaceError::WhichService { names }.into()),
    }
}
