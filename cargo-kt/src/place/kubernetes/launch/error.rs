use std::time::Duration;

use super::Cause;
use crate::{place::kubernetes::access::AccessError, terminal::text};

/// Why a pod does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    #[error(
        "the pod of {service} cannot start (detected after {}): {cause}{}\nhelp: {}",
        text::duration(*after), last_lines(lines), cause.help()
    )]
    Failed {
        service: String,
        /// Time since the start of the launch.
        after: Duration,
        cause: Box<Cause>,
        /// The last lines of the container's log.
        lines: String,
    },
    #[error(
        "the pod of {service} did not start within {} s: it was waiting {waiting_for}{}\nhelp: allow more time with `--launch-timeout`",
        after.as_secs_f64(),
        last.as_ref().map(|last| format!("; last event: {last}")).unwrap_or_default()
    )]
    TimedOut {
        service: String,
        after: Duration,
        waiting_for: String,
        last: Option<String>,
    },
    #[error("service `{service}` no longer exists in the cluster")]
    NotFound { service: String },
    #[error(transparent)]
    Access(#[from] AccessError),
}

fn last_lines(lines: &str) -> String {
    match lines.trim_end() {
        "" => String::new(),
        lines => {
            let lines: Vec<String> = lines.lines().map(|line| format!("\n  | {line}")).collect();
            format!("\nlast lines of the container's log:{}", lines.concat())
        }
    }
}
