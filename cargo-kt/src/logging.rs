//! kt's own log on stderr. Hosts and tunnels log to files: [`kt::host::logging`].

use std::io::{self, IsTerminal};

use kt::host::logging::{Timestamp, requested};
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
