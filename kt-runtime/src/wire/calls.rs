//! Calls as a worker knows them: those that run, and those that can have printed something.

use serde::{Deserialize, Serialize};

use super::{Generation, data::Stream};
use crate::fault::RawFrame;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsInFlight {
    /// Oldest first.
    pub calls: Vec<CallInFlight>,
    /// Those that were left out.
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
    /// Counted from the worker's first, which is 1.
    pub number: u64,
    pub generation: Generation,
    /// The function's path.
    pub function: String,
}

/// The calls that run, and where each of them is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPlaces {
    pub calls: CallsInFlight,
    /// Of each of them, in their order.
    pub places: Vec<CallPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPlace {
    /// How often a thread has begun to run code of it. Between two looks with equal numbers it stayed where it was.
    pub turns: u64,
    /// The thread that runs code of it: gettid(2).
    pub thread: Option<u32>,
    pub waits: Waits,
}

/// What is known of a call that no thread runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waits {
    /// A thread runs it, or nobody asked.
    NotAsked,
    /// It waits for a thread that begins it.
    NotBegun,
    /// No thread of the runtime was free to poll it in time.
    NotPolled,
    /// It was asked, and its answer has no room among those of so many others.
    NoRoom,
    /// The ways to the futures that it waits for, each innermost first. Empty: it waits for one that keeps no waker.
    At(Vec<Vec<RawFrame>>),
}

/// Who can have printed a piece of the log.
///
/// Code that runs outside of calls can always have: tasks and threads that calls have started, servers, and processes that were
/// left running. Of calls, no other than these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The worker's instance; 0 if it is not known.
    pub worker: u64,
    pub stream: Option<Stream>,
    /// `None`: not known, as of what a worker left that died.
    pub calls: Option<Vec<CallName>>,
    /// Further calls that it can have been.
    pub unnamed: u64,
}
