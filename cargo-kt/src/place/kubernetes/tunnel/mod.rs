//! The tunnel: a background process that holds the connection to a service's pod. Other processes
//! on this machine use it through a Unix socket, as if the host ran locally.
//!
//! It outlives the `cargo kt run` that started it, so the next run sends no request to the API
//! server. It knows the cluster and the first stage, but not the requests that pass through it. It
//! exits when its service no longer exists, or when its connection is lost and no client requests
//! another one for a while.

mod directory;
mod link;
mod serve;
mod start;

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use kt::host::logging;
use serde::{Deserialize, Serialize};
use tracing::dispatcher;

pub use directory::{Directory, Record};
pub use start::start;

use super::Workload;
use crate::place::LaunchStep;

/// The file in a tunnel's directory with its log; an older part is in `tunnel.log.old`.
pub const LOG: &str = "tunnel.log";

/// The first argument that makes this executable run as a tunnel.
const COMMAND: &str = "tunnel";

/// A tunnel's options. It reads them from stdin, because they contain a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct TunnelOptions {
    /// The directory for its socket and lock.
    pub directory: PathBuf,
    pub context: Option<String>,
    pub namespace: String,
    pub workload: Workload,
    pub token: String,
    /// Timeout for the pod to run, at first and after each lost connection.
    pub launch_timeout: Duration,
    /// Whether the launching process has just created the workload. The tunnel deletes it if the
    /// pod cannot be reached and the launching process has exited.
    pub created: bool,
}

/// A report about a tunnel's start, one line of JSON on its stdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// The tunnel continues without the launching process from now on.
    Begun,
    /// The pod answers.
    Connected {
        pod: String,
        took: Duration,
    },
    /// The progress of the host's upload in bytes.
    Uploading {
        sent: u64,
        total: u64,
    },
    /// The host answers. `uploaded` is 0 if the host was already present.
    Entered {
        uploaded: u64,
        took: Duration,
    },
    /// The socket exists.
    Ready,
    /// Another process already runs the tunnel of this service.
    Taken,
    /// The pod cannot run a host; a retry would not help.
    Unfit {
        why: String,
    },
    Failed {
        why: String,
    },
}

impl Report {
    /// The step of the launch that it reports; `None` if the terminal does not show it.
    pub(super) fn step(self) -> Option<LaunchStep> {
        match self {
            Self::Connected { pod, .. } => Some(LaunchStep::Connected { pod }),
            Self::Uploading { sent, total } => Some(LaunchStep::Uploading { sent, total }),
            Self::Entered { uploaded, .. } => Some(LaunchStep::Entered { uploaded }),
            _ => None,
        }
    }
}

/// Acts as a tunnel if that is how this process was called, and returns its exit status. Must be
/// called outside any tokio runtime.
pub fn multi_call() -> Option<ExitCode> {
    let command = std::env::args_os().nth(1)?;
    (command == COMMAND).then(run)
}

/// Runs a tunnel until it exits.
fn run() -> ExitCode {
    let done = read_options().and_then(|options| {
        // Fails only if a subscriber is set already.
        let _ = dispatcher::set_global_default(logging::to_file(&options.directory.join(LOG)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let done = runtime.block_on(serve::run(options));
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            serve::report(&Report::Failed {
                why: error.to_string(),
            });
            tracing::error!("{error}");
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read_options() -> io::Result<TunnelOptions> {
    serde_json::from_reader(io::stdin().lock())
        .map_err(|error| io::Error::other(format!("{error}; only `cargo kt` can start a tunnel")))
}
