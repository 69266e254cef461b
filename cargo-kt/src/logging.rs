//! kt's own log on stderr. Hosts and tunnels log to files: [`kt::host::logging`].

use std::{
    io::{self, IsTerminal},
    process::{Command, ExitStatus},
    time::Instant,
};

use kt::host::logging::{Timestamp, requested};
use tracing::Level;
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

/// `KT_LOG` is invalid.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}\nhelp: set it to a level such as `debug`, or to directives such as `cargo_kt::place=trace,kt=debug`"
)]
pub struct LoggingError(kt::host::logging::InvalidFilter);

/// Prints the events that `KT_LOG` selects to stderr. If it is unset, there is no subscriber.
///
/// # Errors
/// If `KT_LOG` is invalid.
pub fn to_stderr() -> Result<(), LoggingError> {
    if let Some(filter) = requested().map_err(LoggingError)? {
        let colored = std::env::var_os("NO_COLOR").is_none() && io::stderr().is_terminal();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(colored)
            .with_timer(Timestamp)
            .with_writer(io::stderr);
        // Fails only if a subscriber is set already.
        let _ = registry().with(filter).with(layer).try_init();
    }
    Ok(())
}

/// Characters of a command line that the level debug shows.
const SHOWN: usize = 500;

/// A child process in the log.
#[derive(Debug)]
pub struct LoggedProcess {
    program: String,
    started: Instant,
}

/// Logs a command line, without its environment. The linker's has thousands of bytes: the level
/// debug truncates it.
pub fn started(command: &Command) -> LoggedProcess {
    let program = command.get_program().to_string_lossy().into_owned();
    if tracing::enabled!(Level::DEBUG) {
        let arguments = command.get_args().map(|it| it.to_string_lossy());
        let mut arguments = without_values(arguments).join(" ");
        if !tracing::enabled!(Level::TRACE)
            && let Some((end, _)) = arguments.char_indices().nth(SHOWN)
        {
            arguments.truncate(end);
            arguments.push('…');
        }
        tracing::debug!(program, arguments, "process started");
    }
    let started = Instant::now();
    LoggedProcess { program, started }
}

impl LoggedProcess {
    pub fn exited(self, status: ExitStatus) {
        let (program, seconds) = (self.program, self.started.elapsed().as_secs_f64());
        tracing::debug!(program, %status, seconds, "process exited");
    }
}

/// Removes the values of options that can set environment variables: cargo's `--config` and rustc's
/// `--env-set`.
fn without_values<T: AsRef<str>>(arguments: impl Iterator<Item = T>) -> Vec<String> {
    const OPTIONS: [&str; 2] = ["--config", "--env-set"];
    let mut is_value = false;
    let mut shown = Vec::new();
    for argument in arguments {
        let argument = argument.as_ref();
        let has_value = |option: &&str| {
            argument
                .strip_prefix(*option)
                .is_some_and(|rest| rest.starts_with('='))
        };
        let visible = match OPTIONS.iter().find(|option| has_value(option)) {
            Some(option) => option.len() + 1,
            None if is_value => 0,
            None => {
                is_value = OPTIONS.contains(&argument);
                shown.push(argument.to_owned());
                continue;
            }
        };
        is_value = false;
        let (option, value) = argument.split_at(visible);
        let name = value.split_once('=').map_or(value, |(name, _)| name);
        shown.push(format!("{option}{name}=…"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_settings_are_removed() {
        let arguments = ["build", "--config", "env.A='x'", "--config=env.B='y'", "-v"];
        assert_eq!(
            without_values(arguments.iter()),
            ["build", "--config", "env.A=…", "--config=env.B=…", "-v"]
        );
        assert_eq!(
            without_values(["--env-set", "A=x"].iter()),
            ["--env-set", "A=…"]
        );
    }
}
