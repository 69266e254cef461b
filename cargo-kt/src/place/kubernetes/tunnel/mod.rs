//! The tunnel: a process in the background that holds the one connection to a service's pod, and that everything on this
//! machine reaches through a Unix socket, as if the host were here.
//!
//! It outlives the `cargo kt run` that started it, so the next one asks the API server nothing. It knows the cluster and the
//! first stage; what travels through it, it does not. It ends when its service is gone, or when its connection is lost and
//! nobody wants another one for a while.

mod directory;
mod link;
mod serve;
mod start;

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

pub use directory::{Directory, Record};
pub use start::start;

use super::Workload;

/// First argument of this executable when it is to be a tunnel.
pub const COMMAND: &str = "tunnel";

/// Everything a tunnel is told, on its standard input: there is a secret among it.
#[derive(Clone, Serialize, Deserialize)]
pub struct TunnelOptions {
    /// Where its socket and lock lie.
    pub directory: PathBuf,
    pub context: Option<String>,
    pub namespace: String,
    pub workload: Workload,
    pub token: String,
    /// How long the pod may take to be there, at first and after each loss.
    pub patience: Duration,
    /// Whether the workload was created just now, and is deleted again if its pod cannot be reached and nobody is left who
    /// would tell.
    pub created: bool,
}

/// What a tunnel tells of its start, a JSON line each on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// It goes on by itself from here on.
    Begun,
    /// The pod answers.
    Connected {
        pod: String,
        took: Duration,
    },
    /// The host's executable is on its way, bytes.
    Uploading {
        sent: u64,
        total: u64,
    },
    /// The host answers; how many bytes it needed, none if it was there.
    Entered {
        uploaded: u64,
        took: Duration,
    },
    /// The socket is there.
    Ready,
    /// Another process has the tunnel of this service.
    Taken,
    /// The pod is not what a host can live in, and will not be another time.
    Unfit {
        why: String,
    },
    Failed {
        why: String,
    },
}

/// Runs a tunnel to its end. To be called outside any runtime.
pub fn main() -> ExitCode {
    let done = read_options().and_then(|options| {
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
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read_options() -> io::Result<TunnelOptions> {
    serde_json::from_reader(io::stdin().lock()).map_err(|error| {
        io::Error::other(format!(
            "{error}; a tunnel is started by `cargo kt`, not by hand"
        ))
    })
}
