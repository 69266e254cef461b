//! What takes the host a look around to answer, and the log with who printed what: `cargo kt describe`, `top` and `logs`. Paths are
//! of the host's own interface, as [`control`](super::control)'s.

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
    /// [`LogRequest`](crate::wire::control::LogRequest) → a stream of [frames](crate::wire::frame), each a
    /// [`LogPiece`](super::LogPiece).
    pub const LOG_PIECES: &str = "/v1/log-pieces";
}

/// A service looked at closely.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inspection {
    /// Where the service's host keeps objects and logs, on the machine or in the pod that it runs in.
    pub directory: String,
    /// Limit of a call's arguments or result, bytes.
    pub body_limit: u64,
    /// What the kernel allows the host and its workers together: `cgroups(7)`, version 2.
    pub limits: GroupLimits,
    /// The last that ended, newest last; also those that the host ended.
    pub deaths: Vec<Death>,
    pub worker: Option<WorkerUse>,
    /// Those that the host sees.
    pub gpus: Vec<Gpu>,
}

/// What a worker uses at this moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerUse {
    /// Milliseconds of the host's clock at which the numbers were read: two of them make a rate.
    pub at_ms: u64,
    pub usage: Usage,
    /// Generations that it has taken after its first.
    pub reloads: u64,
    /// `None` if it did not say in time: all its threads are busy.
    pub calls: Option<CallsInFlight>,
}

/// Bytes of the log of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPiece {
    /// After these bytes, in the log.
    pub position: u64,
    /// When it was printed and at most a second more, milliseconds since 1970 by the service's clock.
    pub time_ms: Option<u64>,
    pub source: Source,
    /// These bytes stand in the place of some that are missing: no worker printed them.
    pub notice: bool,
    pub bytes: Vec<u8>,
}
