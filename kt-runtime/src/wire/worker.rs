//! Host ↔ worker, on a socket pair that the worker inherits as [`FD`]. Each message is a length
//! (`u32`, little endian) and its encoding; [`ToWorker::Connection`] carries the accepted socket as
//! SCM_RIGHTS with its first byte.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Generation,
    calls::{CallPlaces, CallsInFlight},
    control::{self, SwapRefused},
    manifest::Manifest,
    state::{Resets, StateAnswer, StateOptions, StateOutcome, StateRefused, StateRequest},
};

/// The worker's end of the pair.
pub const FD: i32 = 3;
/// Read ends of the pipes that are the worker's standard output and error. The worker reads them
/// itself, so that it knows what a call printed when the call completes. The host has duplicates,
/// to read what a dying worker leaves.
pub const STDOUT: i32 = 4;
pub const STDERR: i32 = 5;
/// Environment variable that makes the launcher a worker: the service's directory.
pub const ENV: &str = "KT_WORKER";

/// The configuration of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerConfig {
    pub service: String,
    pub instance: u64,
    /// Directory of the store, with each object under its name.
    pub objects: PathBuf,
    /// Directory of the log's segments.
    pub logs: PathBuf,
    /// Limit of a call's arguments or result, bytes.
    pub body_limit: usize,
    /// How long a call at a breakpoint waits for a debugger, milliseconds.
    pub breakpoint_timeout_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// First message.
    Start(WorkerConfig),
    /// Load and publish.
    Load {
        generation: Generation,
        manifest: Box<Manifest>,
        options: StateOptions,
        /// The saved states of the worker that this one replaces.
        restore: Option<PathBuf>,
    },
    State(StateOrder),
    Status,
    /// Which calls run.
    Calls,
    /// Comes with an authenticated connection of a driver. The worker answers its preamble if it
    /// accepts it.
    Connection,
    /// Finish the calls in flight, then exit with code 0.
    Drain {
        grace_ms: u64,
    },
    /// Pass this number of breakpoints without stopping.
    IgnoreBreakpoints(u64),
    /// Where each call is. `trace`: also where calls wait that no thread runs.
    Places {
        /// Returned with the answer.
        question: u64,
        trace: bool,
    },
}

/// A request about states. The host chooses the paths: no client can name one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateOrder {
    Asked(StateRequest),
    /// Writes every state that implements serde's traits to a new file.
    Save {
        file: PathBuf,
        hold: Option<Hold>,
        /// The states to skip if they cannot be encoded.
        leave: Resets,
    },
    /// Restores states from such a file, all or none.
    Load {
        file: PathBuf,
    },
    /// Accepts calls again.
    Release,
}

/// After the calls in flight, accept no call until [`StateOrder::Release`], if there is anything to
/// save.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hold {
    /// How long calls in flight may go on, milliseconds.
    pub timeout_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// Answers `Start`.
    Started { protocol: u16, kt_version: String },
    /// Answers `Load`.
    Loaded(Result<Loaded, SwapRefused>),
    /// Answers `Status`.
    Status {
        calls: u64,
        idle_ms: u64,
        migrating: Option<control::Migrating>,
        /// The function with `#[kt::init]` that runs, by key.
        initializing: Option<String>,
    },
    /// Answers `Calls`.
    Calls(CallsInFlight),
    /// Answers `State`, in the order of the requests.
    State(Result<StateAnswer, StateRefused>),
    /// Answers `Connection`, in the order of the requests; why it was refused.
    Connected(Result<(), String>),
    /// Answers `Places`.
    Places { question: u64, places: CallPlaces },
}

/// The worker's part of [`control::Swapped`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Loaded {
    pub objects: Vec<control::LoadedObject>,
    pub states: Vec<StateOutcome>,
    pub inits: Vec<control::InitOutcome>,
    pub load_us: u64,
    /// How long new calls waited at the gate, microseconds; 0 without a migration.
    pub paused_us: u64,
}
