//! Everything of kt that runs on the developer's machine: *plan → build → link → ship → swap →
//! call*.

#![deny(unsafe_code)]

pub mod agent;
pub mod artifacts;
pub mod command;
pub mod compile;
pub mod config;
pub mod context;
pub mod debug;
pub mod glibc;
pub mod layout;
pub mod link;
pub(crate) mod linux;
pub mod logging;
pub mod place;
pub mod plan;
pub mod session;
pub mod ship;
pub mod stacks;
pub mod terminal;

use std::{ffi::OsString, process::ExitCode};

use kt::host::{self, Ended, HostOptions};

use place::kubernetes::{self, Release};

/// What this one executable is depends on how it is called: rustc's wrapper or linker under cargo,
/// the host of a service, or the subcommand that a person types.
pub fn main() -> ExitCode {
    let multi_call = compile::multi_call()
        .or_else(glibc::multi_call)
        .or_else(kubernetes::multi_call);
    if let Some(code) = multi_call {
        return code;
    }
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments
        .next_if(|first| first == place::local::HOST_COMMAND)
        .is_some()
    {
        return host(arguments);
    }
    if arguments
        .next_if(|first| first == debug::PIPE_COMMAND)
        .is_some()
    {
        return debug::pipe(arguments);
    }
    if let Err(error) = logging::to_stderr() {
        eprintln!("error: {error}");
        return ExitCode::from(101);
    }
    command::main()
}

fn host(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = Release::take(arguments)
        .and_then(|(release, rest)| Ok((release, HostOptions::parse(rest)?)));
    let (release, options) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("error: {error}; the host is started by `cargo kt`, not by hand");
            return ExitCode::FAILURE;
        }
    };
    let in_pod = options.pod.is_some();
    match (host::run(options), release) {
        (Ok(Ended::Expired | Ended::Asked), Some(release)) => release.carry_out(),
        // 128 + SIGTERM, as in a shell: the cluster recreates a Job's pod that was stopped.
        (Ok(Ended::Signal), _) if in_pod => ExitCode::from(143),
        (Ok(_), _) => ExitCode::SUCCESS,
        (Err(error), _) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
