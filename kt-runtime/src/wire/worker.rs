//! Host ↔ worker, on a socket pair that the worker inherits as [`FD`]. Each message is a length (`u32`, little endian) and
//! its encoding; [`ToWorker::Connection`] carries the accepted socket as SCM_RIGHTS with its first byte.

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
/// Read ends of the pipes that are the worker's standard output and error: it reads them itself, so that it knows what a
/// call printed by the time the call ends. The host keeps duplicates for what is left when the worker dies.
pub const STDOUT: i32 = 4;
pub const STDERR: i32 = 5;
/// Environment variable that makes the launcher a worker: the service's directory.
pub const ENV: &str = "KT_WORKER";

/// What a worker is told at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerConfig {
    pub service: String,
    pub instance: u64,
    /// Directory of the store: each object lies there under its name.
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
        /// The states of a worker that this one takes the place of, as it saved them.
        restore: Option<PathBuf>,
    },
    State(StateOrder),
    Status,
    /// Which calls run.
    Calls,
    /// An authenticated connection of a driver comes with this message. The worker answers its preamble if it takes it.
    Connection,
    /// Finish the calls in flight, then exit with code 0.
    Drain {
        grace_ms: u64,
    },
    /// Let so many breakpoints pass without a stop.
    IgnoreBreakpoints(u64),
    /// Where each call is. `trace`: also where those wait that no thread runs.
    Places {
        /// Comes back with the answer.
        question: u64,
        trace: bool,
    },
}

/// What the host wants of the states. Paths are the host's own: no client can name one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateOrder {
    Asked(StateRequest),
    /// Writes every state that has serde to a new file.
    Save {
        file: PathBuf,
        hold: Option<Hold>,
        /// The states that are left out if they cannot be encoded.
        leave: Resets,
    },
    /// Gives states the values of such a file, all or none.
    Load {
        file: PathBuf,
    },
    /// Takes calls again.
    Release,
}

/// Once calls have ended no other is taken, until [`StateOrder::Release`]: if there is anything to save.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hold {
    /// How long calls in flight may go on, milliseconds.
    pub patience_ms: u64,
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
    /// Answers `Connection`, in the order of those; why it was not taken.
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
    /// How long new calls waited at the gate, microseconds: not at all where nothing is migrated.
    pub paused_us: u64,
}
