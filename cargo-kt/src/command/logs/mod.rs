//! `cargo kt logs`: what a service's remote functions printed.
//!
//! Without options that need more it is the log's bytes, as they are. Where lines are chosen or attributed, it is read in
//! [pieces](crate::place::Pieces) that say who can have printed them.

mod choice;
mod line;
mod lines;
mod raw;
mod show;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use kt::wire::control::LogFrom;
use regex::bytes::Regex;

use super::{CommandError, Speech, service::ServiceArgs, start};
use crate::{config::duration, terminal::Terminal};
use choice::{CallNumber, Choice};

#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// Only what was printed in the last while, such as 30s or 10m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
    /// Only the last lines
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Only lines that a regular expression matches
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    grep: Option<Regex>,
    /// Only lines of one call: its number, as `--show-calls` and `cargo kt top` have it, or WORKER.NUMBER
    #[arg(long, value_name = "NUMBER")]
    call: Option<CallNumber>,
    /// Only lines of calls that entered one generation
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u64>,
    /// Show before each line which call printed it, as far as that is known
    #[arg(long)]
    show_calls: bool,
    /// Let control sequences take effect on the terminal; without it, colors alone do
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    speech: Speech,
    // Last: what follows it would stand under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

pub(super) fn logs(args: LogsArgs) -> ExitCode {
    let terminal = args.speech.terminal();
    start(&terminal, print(&args, &terminal))
}

impl LogsArgs {
    /// Whether the log has to be split into lines.
    fn wants_lines(&self) -> bool {
        self.tail.is_some()
            || self.grep.is_some()
            || self.call.is_some()
            || self.generation.is_some()
            || self.show_calls
            || self.speech.is_json()
    }

    /// Whether what a service prints is kept from taking over the terminal. Programs that read get its bytes.
    fn escapes(&self) -> bool {
        !self.raw && io::stdout().is_terminal()
    }
}

/// Prints the log to its end or the service's.
async fn print(args: &LogsArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.service.places()?;
    let name = args.service.choose(&places).await?;
    let from = args.since.map_or(LogFrom::Start, |since| LogFrom::Last {
        ms: since.as_millis().try_into().unwrap_or(u64::MAX),
    });
    if !args.wants_lines() {
        let logs = places.logs(&name, from, args.follow).await?;
        return raw::print(logs, args.escapes()).await;
    }
    let choice = Choice {
        grep: args.grep.clone(),
        call: args.call,
        generation: args.generation,
    };
    let show = show::Show {
        json: args.speech.is_json(),
        calls: args.show_calls,
        escapes: args.escapes(),
    };
    let wanted = lines::Wanted {
        from,
        follow: args.follow,
        tail: args.tail,
        choice,
        show,
    };
    lines::print(&places, &name, wanted, terminal).await
}
