//! The host's own interface: what `cargo kt` asks, and what a driver asks that lost its worker. Bodies are encoded with
//! [`codec`](super::codec), but for an object's bytes.

use serde::{Deserialize, Serialize};

use super::{Generation, ObjectId, WorkerId, manifest::Manifest};

pub mod path {
    /// `()` → [`Status`](super::Status).
    pub const STATUS: &str = "/v1/status";
    /// `Vec<ObjectId>` → `Vec<ObjectId>`: those that the store lacks.
    pub const MISSING: &str = "/v1/missing";
    /// `PUT`, followed by an object's id; the body is its bytes.
    pub const OBJECT: &str = "/v1/objects/";
    /// [`SwapRequest`](super::SwapRequest) → `Result<`[`Swapped`](super::Swapped)`, `[`SwapRefused`](super::SwapRefused)`>`.
    pub const SWAP: &str = "/v1/swap";
    /// [`LogRequest`](super::LogRequest) → a stream of bytes.
    pub const LOGS: &str = "/v1/logs";
    /// `u64`, a worker's instance → `Option<`[`Death`](super::Death)`>`, answered once it is known or after [`DEATH`](crate::wire::limits::DEATH).
    pub const DEATH: &str = "/v1/death";
    /// [`SetTtl`](super::SetTtl) → `()`.
    pub const TTL: &str = "/v1/ttl";
    /// [`Down`](super::Down) → `()`; the host ends after its answer.
    pub const DOWN: &str = "/v1/down";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub service: String,
    pub kt_version: String,
    /// The root of the workspace that the service was made for, on the developer's machine.
    pub workspace: String,
    pub host_pid: u32,
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
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SwapRequest {
    pub manifest: Manifest,
    /// Whether a running worker that cannot load the manifest may be replaced, its state lost.
    pub replace_worker: bool,
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
    /// From the worker's first look at the manifest to the publication, microseconds.
    pub load_us: u64,
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOutcome {
    pub key: String,
    pub outcome: Outcome,
}

/// What became of one state at a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// New: holds its initial value.
    Created,
    /// Same memory, nothing copied. `initialiser_changed`: the initialiser in the source is not the one that it was made by.
    Kept { initialiser_changed: bool },
    /// Its type changed or may have: holds its initial value.
    Reset { reason: String },
    /// This exact object was loaded before: its state has the value it had then.
    Restored,
    /// The static is gone from the program; its value is kept aside.
    Removed,
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
    /// The worker died while it loaded it.
    Died(Death),
    /// The worker did not answer in time.
    TimedOut { after_ms: u64 },
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    pub worker: WorkerId,
    pub how: Exit,
    pub generation: Generation,
    /// Its largest resident memory in bytes.
    pub max_rss: u64,
    pub uptime_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It called `exit`.
    Code(i32),
    /// A signal ended it; SIGKILL without a request of ours is most often the kernel out of memory.
    Signal { number: i32, core: bool },
    /// The host ended it: replaced, or at the end of the service.
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
