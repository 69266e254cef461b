//! `cargo kt top`: shows the current load of a service.

mod sample;
mod view;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use kt::wire::state::StateInfo;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::sample::Sample;
use super::{
    CommandError, Speech,
    print::{print, print_bytes},
    service::ServiceArgs,
    start, state,
};
use crate::{config::duration, place::Connected, terminal::Terminal};

/// Time between the two samples of `--once`, which are needed for rates.
const ONCE_INTERVAL: Duration = Duration::from_millis(250);
/// The shortest interval: each sample is work for the host and the worker.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Moves the cursor to the upper left corner and erases the rest: ECMA-48.
const REDRAW: &str = "\x1b[H\x1b[J";

#[derive(Debug, clap::Args)]
pub(super) struct TopArgs {
    /// Print once and exit [default if standard output is not a terminal]
    #[arg(long)]
    once: bool,
    /// Time between two updates
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration::parse)]
    interval: Duration,
    #[command(flatten)]
    speech: Speech,
    // Last: clap puts later options under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

pub(super) fn top(args: TopArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, async {
        let places = args.service.places()?;
        let name = args.service.choose(&places).await?;
        let connected = places.connect(&name).await?;
        let json = args.speech.is_json();
        if args.once || !json && !io::stdout().is_terminal() {
            return once(&connected, json, &terminal).await;
        }
        let watching = watch(&connected, args.interval.max(MIN_INTERVAL), json, &terminal);
        tokio::select! {
            ended = watching => ended,
            // Users normally exit with Ctrl-C, so it is not a failure.
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn once(
    connected: &Connected,
    json: bool,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let first = Sample::take(connected).await?;
    tokio::time::sleep(ONCE_INTERVAL).await;
    let second = Sample::take(connected).await?;
    let states = states(connected, terminal).await;
    match json {
        true => print_bytes(view::json(&second, Some(&first), &states).as_bytes()).map(drop)?,
        false => print(&view::page(&second, Some(&first), &states))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Samples periodically, until stdout is closed or the service stops.
async fn watch(
    connected: &Connected,
    pause: Duration,
    json: bool,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut listed): (Option<Sample>, Vec<StateInfo>) = (None, Vec::new());
    loop {
        ticks.tick().await;
        let sample = match Sample::take(connected).await {
            Ok(sample) => sample,
            Err(_) if is_closed(connected).await => {
                terminal.note(format_args!("{} stopped", connected.service));
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error.into()),
        };
        // Listing states counts as use of the service and waits for locks, so it happens only when
        // they may have changed.
        if before
            .as_ref()
            .is_none_or(|before| before.program() != sample.program())
        {
            listed = states(connected, terminal).await;
        }
        let has_reader = match json {
            true => print_bytes(view::json(&sample, before.as_ref(), &listed).as_bytes())?,
            false => {
                let page = view::page(&sample, before.as_ref(), &listed);
                print_bytes(format!("{REDRAW}{}", view::fitted(&page, view::size())).as_bytes())?
            }
        };
        if !has_reader {
            return Ok(ExitCode::SUCCESS);
        }
        before = Some(sample);
    }
}

/// Whether the connection closed, because the service stopped.
async fn is_closed(connected: &Connected) -> bool {
    timeout(ONCE_INTERVAL, connected.ended()).await.is_ok()
}

/// The states of the worker; none if they cannot be listed, which the rest of the page shows.
async fn states(connected: &Connected, terminal: &Terminal) -> Vec<StateInfo> {
    state::list(connected, terminal).await.unwrap_or_default()
}
