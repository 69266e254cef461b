use std::time::Duration;

use super::Cause;
use crate::{place::kubernetes::access::AccessError, terminal::text};

/// Why a pod is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    #[error(
        "the pod of {service} cannot start, which was certain after {}: {cause}{}\nhelp: {}",
        text::duration(*after), said(lines), cause.help()
    )]
    Failed {
        service: String,
        /// Since the launch was let go.
        after: Duration,
        cause: Box<Cause>,
        /// The last lines of its container's log.
        lines: String,
    },
    #[error(
        "the pod of {service} did not run within {} s: it was waiting {waiting_for}{}\nhelp: `--launch-timeout` gives it more time",
        after.as_secs_f64(),
        last.as_ref().map(|last| format!("; the cluster said last: {last}")).unwrap_or_default()
    )]
    TimedOut {
        service: String,
        after: Duration,
        waiting_for: String,
        last: Option<String>,
    },
    #[error("service `{service}` is not in the cluster any more")]
    Gone { service: String },
    #[error(transparent)]
    Access(#[from] AccessError),
}

fn said(lines: &str) -> String {
    match lines.trim_end() {
        "" => String::new(),
        lines => {
            let lines: Vec<String> = lines.lines().map(|line| format!("\n  | {line}")).collect();
            format!("\nthe container said last:{}", lines.concat())
        }
    }
}
