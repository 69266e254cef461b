//! `cargo kt logs`: prints the output of a service's remote functions. By default it prints the
//! log's bytes unchanged. To filter or attribute lines, it reads [pieces](crate::place::Pieces),
//! which list the calls that can have printed them.

mod filter;
mod host;
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

use super::{CommandError, OutputArgs, service::ServiceArgs, start};
use crate::{config::duration, terminal::Terminal};
use filter::{CallNumber, Filter};

#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// Keep printing new output
    #[arg(short, long)]
    follow: bool,
    /// Only output of the last DURATION, such as 30s or 10m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
    /// Only the last LINES lines
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Only lines that match a regular expression
    #[arg(long, value_name = "REGEX", value_parser = Regex::new)]
    grep: Option<Regex>,
    /// Only lines of one call: its number, as shown by `--show-calls` and `cargo kt top`, or
    /// WORKER.NUMBER
    #[arg(long, value_name = "NUMBER")]
    call: Option<CallNumber>,
    /// Only lines of calls that entered this generation
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u64>,
    /// Prefix each line with the call that printed it, if known
    #[arg(long)]
    show_calls: bool,
    /// Print the log of the service's host instead: its workers, swaps and requests. `KT_LOG` of
    /// the run that starts the service sets its level
    #[arg(long, conflicts_with_all = ["call", "generation", "show_calls"])]
    host: bool,
    /// Pass all control sequences to the terminal [default: only colors]
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    output: OutputArgs,
    // Last: clap puts later options under its heading.
    #[command(flatten)]
    service: ServiceArgs,
}

pub(super) fn logs(args: LogsArgs) -> ExitCode {
    let terminal = args.output.terminal();
    start(&terminal, print(&args, &terminal))
}

impl LogsArgs {
    /// Whether the log must be split into lines.
    fn needs_lines(&self) -> bool {
        self.tail.is_some()
            || self.grep.is_some()
            || self.call.is_some()
            || self.generation.is_some()
            || self.show_calls
            || self.output.is_json()
    }

    /// Whether to escape control sequences in the output. Only a terminal needs it; pipes get the
    /// bytes unchanged.
    fn escapes(&self) -> bool {
        !self.raw && io::stdout().is_terminal()
    }
}

/// Prints the log until its end, or until the service stops.
async fn print(args: &LogsArgs, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let places = args.service.places()?;
    let name = args.service.choose(&places).await?;
    if args.host {
        let query = host::HostQuery {
            since: args.since,
            tail: args.tail,
            grep: args.grep.clone(),
            follow: args.follow,
            escapes: args.escapes(),
        };
        let log = places.host_log(&name).await?;
        return host::print(log, &query, terminal).await;
    }
    let from = args.since.map_or(LogFrom::Start, |since| LogFrom::Last {
        ms: since.as_millis().try_into().unwrap_or(u64::MAX),
    });
    if !args.needs_lines() {
        let logs = places.logs(&name, from, args.follow).await?;
        return raw::print(logs, args.escapes()).await;
    }
    let filter = Filter {
        grep: args.grep.clone(),
        call: args.call,
        generation: args.generation,
    };
    let show = show::Show {
        json: args.output.is_json(),
        calls: args.show_calls,
        escapes: args.escapes(),
    };
    let query = lines::LogQuery {
        from,
        follow: args.follow,
        tail: args.tail,
        filter,
        show,
    };
    lines::print(&places, &name, query, terminal).await
}
