//! `cargo kt down`: ends services.

use std::{process::ExitCode, time::Duration};

use super::{CommandError, Speech, places::PlaceArgs, profile::ProfileArgs, start};
use crate::{config::duration, place::PlaceError, terminal::Terminal};

#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {
    /// Services to end, as `cargo kt ls` names them
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "release", "profile"])]
    names: Vec<String>,
    /// End all services
    #[arg(long, conflicts_with_all = ["names", "ProfileArgs"])]
    all: bool,
    #[command(flatten)]
    profile: ProfileArgs,
    /// How long calls in flight may go on
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    grace: Duration,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn down(args: DownArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, end(&args, &terminal))
}

/// Ends each, also if one before it could not be ended.
async fn end(args: &DownArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.places.places()?;
    let mut code = ExitCode::SUCCESS;
    let mut tell = |name: &str, ended: Result<(), PlaceError>| match ended {
        Ok(()) => terminal.status("Ended", format_args!("{name}, its state is gone")),
        Err(error) => {
            terminal.error(&error);
            code = ExitCode::from(101);
        }
    };
    if args.all {
        let services = places.list(false).await?;
        if services.is_empty() {
            terminal.note("no services are up");
        }
        for service in services {
            tell(&service.name, places.end(&service, args.grace).await);
        }
    }
    let of_profile = args.profile.service(&places).await?;
    for name in args.names.iter().chain(&of_profile) {
        tell(name, places.down(name, args.grace).await);
    }
    Ok(code)
}
