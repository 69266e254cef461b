//! Details of a service, and the log with its sources: `cargo kt describe`, `top` and `logs`. The
//! paths are on control connections, as those of [`control`](super::control).

use serde::{Deserialize, Serialize};

pub use super::calls::{CallInFlight, CallName, CallsInFlight, Source};
use super::control::Death;
pub use crate::sys::{
    nvml::Gpu,
    usage::{GroupLimits, Usage},
};

pub mod path {
    /// `()` → [`Inspection`](super::Inspection).
    pub const INSPECT: &str = "/v1/inspect";
    /// [`LogRequest`](crate::wire::control::LogRequest) → a stream of [frames](crate::wire::frame),
    /// each a [`LogPiece`](super::LogPiece).
    pub const LOG_PIECES: &str = "/v1/log-pieces";
}

/// Details of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inspection {
    /// Where the service's host keeps objects and logs, on the machine or in the pod that it runs
    /// in.
    pub directory: String,
    /// Limit of a call's arguments or result, bytes.
    pub body_limit: u64,
    /// Limits of the host and its workers together: `cgroups(7)`, version 2.
    pub limits: GroupLimits,
    /// The latest deaths, newest last, including workers that the host stopped.
    pub deaths: Vec<Death>,
    pub worker: Option<WorkerUse>,
    /// The GPUs that the host sees.
    pub gpus: Vec<Gpu>,
}

/// Current usage of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerUse {
    /// When the numbers were read, milliseconds of the host's clock. Two samples yield a rate.
    pub at_ms: u64,
    pub usage: Usage,
    /// Generations that it has loaded after its first.
    pub reloads: u64,
    /// `None` if it did not answer in time: all its threads are busy.
    pub calls: Option<CallsInFlight>,
}

/// Bytes of the log with one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPiece {
    /// Position in the log after these bytes.
    pub position: u64,
    /// When it was printed and at most a second more, milliseconds since 1970 by the service's
    /// clock.
    pub time_ms: Option<u64>,
    pub source: Source,
    /// A notice of kt's in place of missing bytes: no worker printed it.
    pub notice: bool,
    pub bytes: Vec<u8>,
}
