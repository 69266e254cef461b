//! The command line: arguments in, messages out. Each command is one module. What `run` and `build` do is in
//! [`session`](crate::session).

mod build;
mod completions;
mod config;
mod cp;
mod debug;
mod deploy_args;
mod describe;
mod doctor;
mod down;
mod dry_run;
mod error;
mod exec;
mod forward;
mod logs;
mod ls;
mod man;
mod places;
mod print;
mod profile;
#[cfg(test)]
mod reference;
mod run;
mod sampling;
mod service;
mod ssh;
mod ssh_server;
mod stack;
mod state;
#[cfg(test)]
mod tests;
mod top;

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{Args, CommandFactory, Parser, Subcommand};

pub use error::{CommandError, CopyError, ExecError, ForwardError, SshServerError, StateError};

use crate::{
    plan::CargoOptions,
    terminal::{Format, Terminal, Verbosity},
};

/// As cargo calls a subcommand: `cargo-kt kt …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo::style::CLAP_STYLING)]
enum Cargo {
    Kt(Kt),
}

/// The package is part of it: `cargo-kt` on crates.io is another project.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CARGO_PKG_NAME"), ")");

/// Run annotated Rust functions in a warm process that survives edits
#[derive(Debug, Args)]
#[command(version = VERSION, arg_required_else_help = true)]
struct Kt {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program here and its remote functions in a warm process
    #[command(visible_alias = "r")]
    Run(run::RunArgs),
    /// Build, link, ship and swap, all that `run` does but the run
    #[command(visible_alias = "b")]
    Build(build::BuildArgs),
    /// Show every option of the program's service, and where its value comes from
    Config(config::ConfigArgs),
    /// List the services that are up
    Ls(ls::LsArgs),
    /// Show everything that is known about a service
    Describe(describe::DescribeArgs),
    /// End services and free what they hold
    Down(down::DownArgs),
    /// Show, set, save and load what a service holds in its states
    State(state::StateArgs),
    /// Print what a service's remote functions have printed
    Logs(logs::LogsArgs),
    /// Run a command next to a service's remote functions, in their environment
    Exec(exec::ExecArgs),
    /// Open a shell next to a service's remote functions
    #[command(visible_alias = "shell")]
    Ssh(ssh::SshArgs),
    /// Copy files and folders to a service, or from it
    Cp(cp::CpArgs),
    /// Let TCP ports here lead to a service, or the other way round
    Forward(forward::ForwardArgs),
    /// Check what this machine and its cluster have of what kt needs
    Doctor(doctor::DoctorArgs),
    /// Show what a service does at this moment: processor, memory, calls, states
    Top(top::TopArgs),
    /// Show where each thread of a service's worker is, and each call
    Stack(stack::StackArgs),
    /// Find out what a service's worker spends its time on, and write a flame graph
    Profile(sampling::SamplingArgs),
    /// Attach a debugger to a service's worker
    Debug(debug::DebugArgs),
    /// Print the completions of a shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cargo::Kt(Kt { command }) = Cargo::parse_from(debug::gdb_style(std::env::args_os()));
    match command {
        Command::Run(args) => run::run(args),
        Command::Build(args) => build::build(args),
        Command::Config(args) => config::config(args),
        Command::Ls(args) => ls::ls(args),
        Command::Describe(args) => describe::describe(args),
        Command::Down(args) => down::down(args),
        Command::State(args) => state::state(args),
        Command::Logs(args) => logs::logs(args),
        Command::Exec(args) => exec::exec(args),
        Command::Ssh(args) => ssh::ssh(args),
        Command::Cp(args) => cp::cp(args),
        Command::Forward(args) => forward::forward(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Top(args) => top::top(args),
        Command::Stack(args) => stack::stack(args),
        Command::Profile(args) => sampling::profile(args),
        Command::Debug(args) => debug::debug(args),
        Command::Completions(args) => completions::completions(args, Cargo::command()),
        Command::Man(args) => man::man(args, Cargo::command()),
    }
}

/// How a command that does not build speaks.
#[derive(Debug, Default, Args)]
struct Speech {
    /// Print no more than what was asked for
    #[arg(short, long)]
    quiet: bool,
    /// Coloring [possible values: auto, always, never]
    #[arg(long, value_name = "WHEN")]
    color: Option<String>,
    /// Output format [possible values: human, json]
    #[arg(long, value_name = "FMT")]
    message_format: Option<String>,
}

impl Speech {
    fn is_json(&self) -> bool {
        self.message_format
            .as_deref()
            .is_some_and(|format| format.starts_with("json"))
    }

    fn terminal(&self) -> Terminal {
        let verbosity = if self.quiet {
            Verbosity::Quiet
        } else {
            Verbosity::Normal
        };
        let format = if self.is_json() {
            Format::Json
        } else {
            Format::Human
        };
        Terminal::new(verbosity, format, color(self.color.as_deref()))
    }
}

/// The terminal of a command that builds.
fn terminal(options: &CargoOptions) -> Terminal {
    let verbosity = match (options.quiet, options.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let format = if options.wants_json() {
        Format::Json
    } else {
        Format::Human
    };
    Terminal::new(verbosity, format, color(options.color.as_deref()))
}

/// Runs a command on a runtime, and prints what it fails with.
fn start(
    terminal: &Terminal,
    command: impl Future<Output = Result<ExitCode, CommandError>>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.error(&error);
            return ExitCode::from(101);
        }
    };
    let done = runtime.block_on(command);
    // What still runs in the background only matters to commands that have ended.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| {
        if !error.is_reported() {
            terminal.error(&error);
        }
        ExitCode::from(error.exit_code())
    })
}

/// As cargo decides: the option, then `CARGO_TERM_COLOR`, then whether stderr is a terminal.
fn color(option: Option<&str>) -> ColorChoice {
    let variable = std::env::var("CARGO_TERM_COLOR").ok();
    match option.or(variable.as_deref()) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}
