//! The host's own interface: what `cargo kt` asks, and what a driver asks that lost its worker. Bodies are encoded with
//! [`codec`](crate::codec), but for an object's bytes.

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
    /// `upload::Wanted` → `upload::Missing`: what of it the store lacks.
    pub const MISSING: &str = "/v1/missing";
    /// `PUT`, followed by an object's id; `upload::Head` says what the body is.
    pub const OBJECT: &str = "/v1/objects/";
    /// [`SwapRequest`](super::SwapRequest) → `Result<`[`Swapped`](super::Swapped)`, `[`SwapRefused`](super::SwapRefused)`>`.
    pub const SWAP: &str = "/v1/swap";
    /// [`StateRequest`](crate::wire::state::StateRequest) → `Result<`[`StateAnswer`](crate::wire::state::StateAnswer)`,
    /// `[`StateRefused`](crate::wire::state::StateRefused)`>`.
    pub const STATE: &str = "/v1/state";
    /// `()` → a [frame](crate::wire::frame) with `Result<`[`Moved`](crate::wire::state::Moved)`,
    /// `[`StateRefused`](crate::wire::state::StateRefused)`>`, and if it is `Ok` a file's bytes behind it.
    pub const STATE_SAVE: &str = "/v1/state/save";
    /// `PUT` of such a file's bytes → `Result<`[`Moved`](crate::wire::state::Moved)`, `[`StateRefused`](crate::wire::state::StateRefused)`>`.
    pub const STATE_LOAD: &str = "/v1/state/load";
    /// [`LogRequest`](super::LogRequest) → a stream of bytes.
    pub const LOGS: &str = "/v1/logs";
    /// `u64`, a worker's instance → `Option<`[`Death`](super::Death)`>`, answered once it is known or after [`DEATH`](crate::wire::limits::DEATH).
    pub const DEATH: &str = "/v1/death";
    /// [`SetTtl`](super::SetTtl) → `()`.
    pub const TTL: &str = "/v1/ttl";
    /// See [`command`](crate::wire::command).
    pub const COMMAND: &str = "/v1/command";
    /// [`command::Control`](crate::wire::command::Control) → `bool`.
    pub const COMMAND_CONTROL: &str = "/v1/command/control";
    /// `()`, and no answer: as long as somebody waits for one, the service's time does not run.
    pub const HOLD: &str = "/v1/hold";
    /// [`Down`](super::Down) → `()`; the host ends after its answer.
    pub const DOWN: &str = "/v1/down";
    /// A debugger's connection: [`wire::debug`](crate::wire::debug).
    pub const DEBUG: &str = "/v1/debug";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub service: String,
    pub kt_version: String,
    /// The root of the workspace that the service was made for, on the developer's machine.
    pub workspace: String,
    pub host_pid: u32,
    /// What workers are started in.
    pub platform: Platform,
    pub uptime_ms: u64,
    pub ttl_ms: u64,
    /// What is left of the TTL; all of it while a call runs.
    pub ttl_left_ms: u64,
    pub worker: Option<WorkerStatus>,
    pub current: Option<(Generation, Manifest)>,
    /// How the last worker that died did so.
    pub last_death: Option<Death>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerStatus {
    pub id: WorkerId,
    pub uptime_ms: u64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Calls in flight; `None` if the worker did not say in time: all its threads are busy.
    pub calls: Option<u64>,
    pub migrating: Option<Migrating>,
    /// What it was started with beside the host's own variables.
    pub environment: Environment,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SwapRequest {
    pub manifest: Manifest,
    /// Whether a running worker that cannot load the manifest may be replaced, its state lost.
    pub replace_worker: bool,
    pub states: StateOptions,
    /// What the numbers that this swap gives out must be at least. A pod that lost its directory would count from 1 again,
    /// and a driver that knew its former life would take the new one's answers for it.
    pub at_least: Option<Numbers>,
}

/// The next generation's number and the next worker's instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    pub generation: Generation,
    pub instance: u64,
}

impl Numbers {
    /// Those behind everything that a swap gave out.
    pub fn after(swapped: &Swapped) -> Self {
        Self {
            generation: Generation(swapped.generation.0 + 1),
            instance: swapped.worker.instance + 1,
        }
    }
}

/// What the worker really has, told by itself after loading.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Swapped {
    pub generation: Generation,
    pub worker: WorkerId,
    /// False if the worker already served exactly this manifest.
    pub changed: bool,
    /// Set if a worker was replaced or had died: its state is gone.
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
    /// The service's host before this one had been killed, or the machine lost power: its worker went with it.
    HostDied,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedObject {
    pub name: String,
    /// Read from the loaded object's own notes in memory.
    pub build_id: String,
    /// An earlier generation of this worker had it too: its statics are as that left them.
    pub again: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitOutcome {
    pub key: String,
    pub outcome: Initialized,
}

/// What a swap means to a function with `#[kt::init]`, which a worker runs once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Initialized {
    /// The worker is new, and the function has run.
    Ran { elapsed_us: u64 },
    /// It was not there when the worker started: it has not run.
    Added,
    /// The worker ran what it was before.
    Edited,
    /// It is gone; what it set up stays.
    Removed,
}

/// A migration under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrating {
    pub key: String,
    /// Encoded so far.
    pub bytes: u64,
}

/// Why a generation was not taken. The one before serves on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SwapRefused {
    /// The store lacks these.
    Missing(Vec<ObjectId>),
    /// The worker must be replaced and the request does not allow it.
    NeedsNewWorker { because: String },
    /// A worker could not be started.
    WorkerStart(String),
    /// The worker could not load it: the dynamic linker's or the worker's own words.
    Load(String),
    /// It would reset these states, by key, and was not to.
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
        /// The function with `#[kt::init]` that it ran then, by key.
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

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    pub worker: WorkerId,
    pub how: Exit,
    pub generation: Generation,
    /// Its largest resident memory in bytes.
    pub max_rss: u64,
    /// While it ran the kernel's out-of-memory killer ended a process of this machine.
    pub out_of_memory: bool,
    pub uptime_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It called `exit`.
    Code(i32),
    /// A signal ended it that the host did not send.
    Signal { number: i32, core: bool },
    /// The host ended it after another worker had taken over what could be carried over.
    Replaced,
    /// The host ended it: at the end of the service, or because it could not talk to it.
    Stopped,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct LogRequest {
    pub from: LogFrom,
    /// Go on with what comes.
    pub follow: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum LogFrom {
    /// The oldest that is kept.
    Start,
    /// A position, counted in bytes from the service's first.
    Position(u64),
    /// What was printed in the last so many milliseconds by the service's clock, and at most a second more.
    Last { ms: u64 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Down {
    /// How long calls in flight may go on, milliseconds.
    pub grace_ms: u64,
}

/// Changes how long the service lives without activity; the time runs anew from here.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SetTtl {
    pub ttl_ms: u64,
}
