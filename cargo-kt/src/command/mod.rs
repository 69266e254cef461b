//! The subcommands: each puts the steps of the flow together and says what came of them. All words that a person types or
//! reads about a command as a whole are here.

mod build;
mod down;
mod driver;
mod error;
mod logs;
mod ls;
mod run;
mod warm;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use error::CommandError;

/// As cargo calls a subcommand: `cargo-kt kt …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo_styles())]
enum Cargo {
    Kt(Kt),
}

/// Run annotated Rust functions in a warm process that survives edits
#[derive(Debug, Args)]
#[command(version, arg_required_else_help = true)]
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
    /// List the services that are up
    Ls(ls::LsArgs),
    /// End services and free what they hold
    Down(down::DownArgs),
    /// Print what a service's remote functions have printed
    Logs(logs::LogsArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cargo::Kt(Kt { command }) = Cargo::parse();
    match command {
        Command::Run(args) => run::run(args),
        Command::Build(args) => build::build(args),
        Command::Ls(args) => ls::ls(args),
        Command::Down(args) => down::down(args),
        Command::Logs(args) => logs::logs(args),
    }
}

/// cargo's own colours for help texts.
fn clap_cargo_styles() -> clap::builder::Styles {
    use clap::builder::styling::{AnsiColor, Styles};
    Styles::styled()
        .header(AnsiColor::BrightGreen.on_default().bold())
        .usage(AnsiColor::BrightGreen.on_default().bold())
        .literal(AnsiColor::BrightCyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default())
}
