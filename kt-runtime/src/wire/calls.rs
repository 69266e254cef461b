//! Calls of a worker: the running ones, and the candidates for a piece of output.

use serde::{Deserialize, Serialize};

use super::{Generation, data::Stream};
use crate::fault::RawFrame;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsInFlight {
    /// Oldest first.
    pub calls: Vec<CallInFlight>,
    /// The number of omitted calls.
    pub more: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallInFlight {
    pub call: CallName,
    pub age_ms: u64,
}

/// A call of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallName {
    /// Counted from 1 per worker.
    pub number: u64,
    pub generation: Generation,
    /// The function's path.
    pub function: String,
}

/// The running calls, and where each of them is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPlaces {
    pub calls: CallsInFlight,
    /// One per call, in the same order.
    pub places: Vec<CallPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPlace {
    /// How often a thread has started to run its code. If it is equal at two samples, the call did
    /// not move.
    pub turns: u64,
    /// The thread that runs its code: gettid(2).
    pub thread: Option<u32>,
    pub waits: Waits,
}

/// Where a call waits that no thread runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waits {
    /// A thread runs it, or no trace was requested.
    NotAsked,
    /// It waits for a thread to start it.
    NotBegun,
    /// No thread of the runtime polled it in time.
    NotPolled,
    /// It was polled, but its frames exceed the limit of the answer.
    NoRoom,
    /// The stacks of the futures that it waits for, each innermost first. Empty: it waits for a
    /// future that stores no waker.
    At(Vec<Vec<RawFrame>>),
}

/// The candidates for a piece of the log.
///
/// Code outside of calls is always a candidate: tasks and threads that calls have started, servers,
/// and child processes. Of the calls, only these are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The worker's instance; 0 if unknown.
    pub worker: u64,
    pub stream: Option<Stream>,
    /// `None`: unknown, as for the rest of a dead worker's output.
    pub calls: Option<Vec<CallName>>,
    /// The number of further candidates.
    pub unnamed: u64,
}
