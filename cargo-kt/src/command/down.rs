//! `cargo kt down`: stops services.

use std::{process::ExitCode, time::Duration};

use super::{CommandError, Speech, places::PlaceArgs, profile::ProfileArgs, start};
use crate::{config::duration, place::PlaceError, terminal::Terminal};

#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {
    /// Names of services to stop, as shown by `cargo kt ls`
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "release", "profile"])]
    names: Vec<String>,
    /// Stop all services
    #[arg(long, conflicts_with_all = ["names", "ProfileArgs"])]
    all: bool,
    #[command(flatten)]
    profile: ProfileArgs,
    /// Grace period for calls in flight
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    grace: Duration,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    speech: Speech,
}

pub(super) fn down(args: DownArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, stop(&args, &terminal))
}

/// Stops all services, even if one fails.
async fn stop(args: &DownArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.places.places()?;
    let mut code = ExitCode::SUCCESS;
    let mut report = |name: &str, ended: Result<(), PlaceError>| match ended {
        Ok(()) => terminal.status("Stopped", format_args!("{name}; its state was discarded")),
        Err(error) => {
            terminal.error(&error);
            code = ExitCode::from(101);
        }
    };
    if args.all {
        let services = places.list(false).await?;
        if services.is_empty() {
            terminal.note("no services are running");
        }
        for service in services {
            report(&service.name, places.end(&service, args.grace).await);
        }
    }
    let of_profile = args.profile.service(&places).await?;
    for name in args.names.iter().chain(&of_profile) {
        report(name, places.down(name, args.grace).await);
    }
    Ok(code)
}
