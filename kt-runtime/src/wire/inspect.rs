//! What takes the host a look around to answer, and the log with who printed what: `cargo kt describe`, `top` and `logs`. Paths are
//! of the host's own interface, as [`control`](super::control)'s.

use serde::{Deserialize, Serialize};

pub use super::calls::{CallInFlight, CallName, CallsInFlight, Source};
use super::control::Death;

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

/// `None` where there is no limit, or the kernel does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimits {
    pub memory_bytes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_milli: Option<u64>,
    pub processes: Option<u64>,
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

/// What a process uses: `/proc/PID/stat`, `statm`, `fd`, `limits`, proc(5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time since its start, in user and system mode.
    pub cpu_ms: u64,
    pub rss: u64,
    pub threads: u64,
    pub open_files: u64,
    /// `RLIMIT_NOFILE`, its soft limit.
    pub open_files_limit: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    pub name: String,
    pub memory_used: u64,
    pub memory_total: u64,
    /// Percent of the last sample period in which something ran on it.
    pub busy_percent: u32,
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
