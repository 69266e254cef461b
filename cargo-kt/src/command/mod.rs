//! The command line: arguments in, messages out. Each command is one module. What `run` and `build`
//! do is in [`session`](crate::session).

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
    context::CargoContext,
    plan::{CargoOptions, Term},
    terminal::{Format, Terminal, Verbosity},
};

/// As cargo calls a subcommand: `cargo-kt kt …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo::style::CLAP_STYLING)]
enum Cargo {
    Kt(Kt),
}

/// Includes the package: `cargo-kt` on crates.io is another project.
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
    /// Run a program locally and its remote functions in the warm process
    #[command(visible_alias = "r")]
    Run(run::RunArgs),
    /// Build the program and swap it into its service without running it
    #[command(visible_alias = "b")]
    Build(build::BuildArgs),
    /// Show every option of the program's service and where its value is set
    Config(config::ConfigArgs),
    /// List running services
    Ls(ls::LsArgs),
    /// Show everything that is known about a service
    Describe(describe::DescribeArgs),
    /// Stop services and release their resources
    Down(down::DownArgs),
    /// Show, set, save and load the states of a service
    State(state::StateArgs),
    /// Print the output of a service's remote functions
    Logs(logs::LogsArgs),
    /// Run a command in the environment of a service's remote functions
    Exec(exec::ExecArgs),
    /// Open a shell in the environment of a service's remote functions
    #[command(visible_alias = "shell")]
    Ssh(ssh::SshArgs),
    /// Copy files and folders to or from a service
    Cp(cp::CpArgs),
    /// Forward local TCP ports to a service, or ports of a service to this machine
    Forward(forward::ForwardArgs),
    /// Check the requirements of kt on this machine and in the cluster
    Doctor(doctor::DoctorArgs),
    /// Show the live activity of a service: CPU, memory, calls, states
    Top(top::TopArgs),
    /// Show the stack of each thread and call in a service's worker
    Stack(stack::StackArgs),
    /// Profile a service's worker and write a flame graph
    Profile(sampling::SamplingArgs),
    /// Attach a debugger to a service's worker
    Debug(debug::DebugArgs),
    /// Print shell completions
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

/// Output options of the commands that do not build.
#[derive(Debug, Default, Args)]
struct OutputArgs {
    /// Print only the requested output
    #[arg(short, long)]
    quiet: bool,
    /// Coloring [possible values: auto, always, never]
    #[arg(long, value_name = "WHEN")]
    color: Option<String>,
    /// Output format [possible values: human, json]
    #[arg(long, value_name = "FMT")]
    message_format: Option<String>,
}

impl OutputArgs {
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
    // A directory that cannot be used is reported later.
    let context = CargoContext::current();
    let term = context.map(|context| Term::of(options, &context));
    let term = term.unwrap_or_default();
    let verbosity = match (term.quiet, term.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    };
    let format = if options.wants_json() {
        Format::Json
    } else {
        Format::Human
    };
    Terminal::new(verbosity, format, color(term.color.as_deref()))
}

/// Runs a command on a runtime and prints its error.
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
    // Background tasks only matter while the command runs.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| {
        if !error.is_reported() {
            terminal.error(&error);
        }
        ExitCode::from(error.exit_code())
    })
}

/// In cargo's order: the option, `CARGO_TERM_COLOR`, whether stderr is a terminal.
fn color(option: Option<&str>) -> ColorChoice {
    let variable = std::env::var("CARGO_TERM_COLOR").ok();
    match option.or(variable.as_deref()) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}
