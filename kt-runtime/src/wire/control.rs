//! The host's own interface: requests of `cargo kt`, and of a driver that lost its worker. Bodies
//! are encoded with [`codec`](crate::codec), but for an object's bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Generation, ObjectId, WorkerId,
    debug::DebuggerAttached,
    manifest::{Environment, Manifest},
    platform::Platform,
    state::{Changed, NotMigrated, StateOptions, StateOutcome},
};

pub mod path {
    /// `()` → [`Status`](super::Status).
    pub const STATUS: &str = "/v1/status";
    /// `upload::Wanted` → `upload::Missing`: what the store lacks.
    pub const MISSING: &str = "/v1/missing";
    /// `PUT`, followed by an object's id; `upload::Head` describes the body.
    pub const OBJECT: &str = "/v1/objects/";
    /// [`SwapRequest`](super::SwapRequest) → `Result<`[`Swapped`](super::Swapped)`,
    /// `[`SwapRefused`](super::SwapRefused)`>`.
    pub const SWAP: &str = "/v1/swap";
    /// [`StateRequest`](crate::wire::state::StateRequest) →
    /// `Result<`[`StateAnswer`](crate::wire::state::StateAnswer)`,
    /// `[`StateRefused`](crate::wire::state::StateRefused)`>`.
    pub const STATE: &str = "/v1/state";
    /// `()` → a [frame](crate::wire::frame) with `Result<`[`Moved`](crate::wire::state::Moved)`,
    /// `[`StateRefused`](crate::wire::state::StateRefused)`>`, and if it is `Ok` a file's bytes
    /// behind it.
    pub const STATE_SAVE: &str = "/v1/state/save";
    /// `PUT` of such a file's bytes → `Result<`[`Moved`](crate::wire::state::Moved)`,
    /// `[`StateRefused`](crate::wire::state::StateRefused)`>`.
    pub const STATE_LOAD: &str = "/v1/state/load";
    /// [`LogRequest`](super::LogRequest) → a stream of bytes.
    pub const LOGS: &str = "/v1/logs";
    /// `u64`, a worker's instance → `Option<`[`Death`](super::Death)`>`, answered once it is known
    /// or after [`DEATH`](crate::wire::limits::DEATH).
    pub const DEATH: &str = "/v1/death";
    /// [`SetTtl`](super::SetTtl) → `()`.
    pub const TTL: &str = "/v1/ttl";
    /// See [`command`](crate::wire::command).
    pub const COMMAND: &str = "/v1/command";
    /// [`command::Control`](crate::wire::command::Control) → `bool`.
    pub const COMMAND_CONTROL: &str = "/v1/command/control";
    /// `()`, without an answer: the service's TTL does not run until the client resets the request.
    pub const HOLD: &str = "/v1/hold";
    /// [`Down`](super::Down) → `()`; the host stops after its answer.
    pub const DOWN: &str = "/v1/down";
    /// A debugger's connection: [`wire::debug`](crate::wire::debug).
    pub const DEBUG: &str = "/v1/debug";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub service: String,
    pub kt_version: String,
    /// The root of the service's workspace, on the developer's machine.
    pub workspace: String,
    pub host_pid: u32,
    /// The platform on which workers are started.
    pub platform: Platform,
    pub uptime_ms: u64,
    pub ttl_ms: u64,
    /// The rest of the TTL; all of it while a call runs.
    pub ttl_left_ms: u64,
    pub worker: Option<WorkerStatus>,
    pub current: Option<(Generation, Manifest)>,
    /// How the last dead worker died.
    pub last_death: Option<Death>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerStatus {
    pub id: WorkerId,
    pub uptime_ms: u64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Calls in flight; `None` if the worker did not answer in time: all its threads are busy.
    pub calls: Option<u64>,
    pub migrating: Option<Migrating>,
    /// Its variables besides those of the host.
    pub environment: Environment,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SwapRequest {
    pub manifest: Manifest,
    /// Whether a running worker that cannot load the manifest may be replaced, its state lost.
    pub replace_worker: bool,
    pub states: StateOptions,
    /// Lower bounds of the numbers that this swap assigns. A pod that lost its directory would
    /// count from 1 again, and a driver of the old service would accept answers of the new one.
    pub at_least: Option<Numbers>,
}

/// The next generation's number and the next worker's instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    pub generation: Generation,
    pub instance: u64,
}

impl Numbers {
    /// The numbers after those of a swap.
    pub fn after(swapped: &Swapped) -> Self {
        Self {
            generation: Generation(swapped.generation.0 + 1),
            instance: swapped.worker.instance + 1,
        }
    }
}

/// What the worker loaded, as reported by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Swapped {
    pub generation: Generation,
    pub worker: WorkerId,
    /// False if the worker already served exactly this manifest.
    pub changed: bool,
    /// Set if a worker was replaced or had died: its state was lost.
    pub replaced: Option<Replaced>,
    /// Each crate object as found in the process's memory.
    pub loaded: Vec<LoadedObject>,
    pub states: Vec<StateOutcome>,
    /// Functions with `#[kt::init]` that ran, or that are not what ran.
    pub inits: Vec<InitOutcome>,
    /// From the worker's first look at the manifest to the publication, microseconds.
    pub load_us: u64,
    /// How long new calls waited for migrations, microseconds.
    pub paused_us: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Replaced {
    /// A worker cannot load this generation beside the former ones.
    Incompatible { former: WorkerId },
    /// It had died before.
    Died(Death),
    /// The service's previous host was killed, or the machine lost power, and its worker died with
    /// it.
    HostDied,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedObject {
    pub name: String,
    /// Read from the loaded object's own notes in memory.
    pub build_id: String,
    /// An earlier generation of this worker had it, too. Its statics have the values from then.
    pub again: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitOutcome {
    pub key: String,
    pub outcome: Initialized,
}

/// What a swap does to a function with `#[kt::init]`, which a worker runs once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Initialized {
    /// The worker is new, and the function has run.
    Ran { elapsed_us: u64 },
    /// It did not exist when the worker started, and has not run.
    Added,
    /// The worker ran its former version.
    Edited,
    /// It was removed; what it set up stays.
    Removed,
}

/// A migration under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrating {
    pub key: String,
    /// Encoded so far.
    pub bytes: u64,
}

/// Why a generation was refused. The one before keeps serving.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SwapRefused {
    /// The store lacks these.
    Missing(Vec<ObjectId>),
    /// The worker must be replaced and the request does not allow it.
    NeedsNewWorker { because: String },
    /// A worker could not be started.
    WorkerStart(String),
    /// The worker could not load it: the message of the dynamic linker or of the worker.
    Load(String),
    /// It would reset these states, by key, which the request does not allow.
    WouldReset(Vec<(String, Changed)>),
    /// Calls or locks kept these states from being migrated.
    Busy {
        states: Vec<String>,
        /// Functions that were still running.
        calls: Vec<String>,
        after_ms: u64,
    },
    /// These states could not be migrated and may not be reset: nothing was touched.
    NotMigrated(Vec<NotMigrated>),
    /// The worker died while it loaded it.
    Died(Death),
    /// The worker did not answer in time.
    TimedOut {
        after_ms: u64,
        /// The function with `#[kt::init]` that it was running, by key.
        init: Option<String>,
    },
    /// A debugger is attached to the worker.
    Debugged(DebuggerAttached),
    /// A function with `#[kt::init]` failed, and the worker has ended.
    Init {
        key: String,
        /// `src/lib.rs:7`
        place: String,
        why: InitFailed,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitFailed {
    /// It returned this error.
    Returned(String),
    Panicked {
        message: String,
        /// `src/lib.rs:10:5`
        location: Option<String>,
    },
}

impl fmt::Display for InitFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(error) => write!(f, "failed: {error}"),
            Self::Panicked { message, location } => match location {
                Some(location) => write!(f, "panicked at {location}: {message}"),
                None => write!(f, "panicked: {message}"),
            },
        }
    }
}

/// How a worker stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    pub worker: WorkerId,
    pub how: Exit,
    pub generation: Generation,
    /// Its peak resident memory in bytes.
    pub max_rss: u64,
    /// The kernel's out-of-memory killer killed a process of this machine while it ran.
    pub out_of_memory: bool,
    pub uptime_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It called `exit`.
    Code(i32),
    /// A signal killed it that the host did not send.
    Signal { number: i32, core: bool },
    /// The host stopped it after another worker took over its states.
    Replaced,
    /// The host stopped it: with the service, or because communication failed.
    Stopped,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct LogRequest {
    pub from: LogFrom,
    /// Wait for more at the end.
    pub follow: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum LogFrom {
    /// The oldest byte in the log.
    Start,
    /// A position, counted in bytes from the service's first.
    Position(u64),
    /// The output of this many last milliseconds by the service's clock, and at most a second more.
    Last { ms: u64 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Down {
    /// How long calls in flight may continue, milliseconds.
    pub grace_ms: u64,
}

/// Changes the service's inactivity TTL and restarts it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SetTtl {
    pub ttl_ms: u64,
}
