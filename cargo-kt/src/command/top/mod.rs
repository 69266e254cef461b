//! `cargo kt top`: what a service does at this moment.

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

/// Between the two looks that make a rate, where only one is asked for.
const MOMENT: Duration = Duration::from_millis(250);
/// The shortest pause between two looks: each is work for the host and the worker.
const SHORTEST: Duration = Duration::from_millis(100);
/// Cursor to the upper left corner, then erases what follows: ECMA-48.
const REDRAW: &str = "\x1b[H\x1b[J";

#[derive(Debug, clap::Args)]
pub(super) struct TopArgs {
    /// Print once and end; also where standard output is no terminal
    #[arg(long)]
    once: bool,
    /// Pause between two looks
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration::parse)]
    interval: Duration,
    #[command(flatten)]
    speech: Speech,
    // Last: what follows it would stand under its heading.
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
        let watching = watch(&connected, args.interval.max(SHORTEST), json, &terminal);
        tokio::select! {
            ended = watching => ended,
            // Ctrl-C is the usual way to end it, so it is not a failure.
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
    tokio::time::sleep(MOMENT).await;
    let second = Sample::take(connected).await?;
    let states = states(connected, terminal).await;
    match json {
        true => print_bytes(view::json(&second, Some(&first), &states).as_bytes()).map(drop)?,
        false => print(&view::page(&second, Some(&first), &states))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Samples again and again, until stdout is closed or the service ends.
async fn watch(
    connected: &Connected,
    pause: Duration,
    json: bool,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut held): (Option<Sample>, Vec<StateInfo>) = (None, Vec::new());
    loop {
        ticks.tick().await;
        let sample = match Sample::take(connected).await {
            Ok(sample) => sample,
            Err(_) if has_ended(connected).await => {
                terminal.note(format_args!("{} has ended", connected.service));
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error.into()),
        };
        // Listing states counts as use of the service and waits for locks, so it happens only where they may have changed.
        if before
            .as_ref()
            .is_none_or(|before| before.program() != sample.program())
        {
            held = states(connected, terminal).await;
        }
        let reads = match json {
            true => print_bytes(view::json(&sample, before.as_ref(), &held).as_bytes())?,
            false => {
                let page = view::page(&sample, before.as_ref(), &held);
                print_bytes(format!("{REDRAW}{}", view::fitted(&page, view::size())).as_bytes())?
            }
        };
        if !reads {
            return Ok(ExitCode::SUCCESS);
        }
        before = Some(sample);
    }
}

/// Whether the connection is over, as it is at the service's end.
async fn has_ended(connected: &Connected) -> bool {
    timeout(MOMENT, connected.ended()).await.is_ok()
}

/// What the worker holds; nothing if it cannot be asked, which the rest of the page shows.
async fn states(connected: &Connected, terminal: &Terminal) -> Vec<StateInfo> {
    state::list(connected, terminal).await.unwrap_or_default()
}
