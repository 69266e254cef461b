//! Calls as a worker knows them: those that run, and those that can have printed something.

use serde::{Deserialize, Serialize};

use super::{Generation, data::Stream};

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
