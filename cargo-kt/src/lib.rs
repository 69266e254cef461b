//! Everything of kt that runs on the developer's machine: *plan → build → link → ship → swap → call*.

pub mod agent;
pub mod build;
pub mod command;
pub mod config;
pub mod layout;
pub mod link;
pub mod place;
pub mod plan;
pub mod ship;
pub mod terminal;

use std::process::ExitCode;

/// What this one executable is depends on how it is called: rustc's wrapper or linker under cargo, the host of a service, or
/// the subcommand that a person types.
pub fn main() -> ExitCode {
    if let Some(code) = build::multi_call() {
        return code;
    }
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments
        .next_if(|first| first == place::local::HOST_COMMAND)
        .is_some()
    {
        return match kt::host::HostOptions::parse(arguments) {
            Ok(options) => kt::host::main(options),
            Err(error) => {
                eprintln!("error: {error}; the host is started by `cargo kt`, not by hand");
                ExitCode::FAILURE
            }
        };
    }
    if arguments
        .next_if(|first| first == place::kubernetes::tunnel::COMMAND)
        .is_some()
    {
        return place::kubernetes::tunnel::main();
    }
    command::main()
}
