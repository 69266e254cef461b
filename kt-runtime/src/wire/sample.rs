//! Stacks of the worker's threads: `cargo kt stack` and `profile`.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/stacks` | `()` | frames of [the wire](super::frame): `Result<`[`Stacks`]`, `[`SampleRefused`]`>`, then a [`ThreadStack`] for each thread |
//! | `POST /v1/profile` | a frame with [`ProfileRequest`]; its end is the profile's | frames: `Result<`[`ProfileStarted`]`, `[`SampleRefused`]`>`, then [`ProfilePart`]s |

use serde::{Deserialize, Serialize};

use super::{
    Generation, WorkerId,
    calls::{CallInFlight, Waits},
    debug::{DebuggerAttached, Forbidden},
};

pub const STACKS: &str = "/v1/stacks";
pub const PROFILE: &str = "/v1/profile";

/// One sample of all threads of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stacks {
    pub worker: WorkerId,
    pub generation: Generation,
    /// From the first thread's stop until all threads ran again, microseconds.
    pub stood_us: u64,
    /// Threads that did not stop in time, or whose registers could not be read.
    pub missed: Vec<MissedThread>,
    /// File names of the objects that contain the frames.
    pub objects: Vec<String>,
    /// `None` if the worker did not answer in time.
    pub calls: Option<Vec<CallStack>>,
    /// The number of omitted calls.
    pub more_calls: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedThread {
    pub id: u32,
    pub name: String,
    /// From `/proc/PID/stat`, proc(5).
    pub state: char,
}

/// A call in flight and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStack {
    pub call: CallInFlight,
    pub place: CallWhere,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallWhere {
    /// This thread ran code of it before, during and after the stop.
    Thread(u32),
    Waits(Waits),
    /// It started to run, or moved to another thread, during the stop.
    Moved,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadStack {
    pub id: u32,
    pub name: String,
    /// Just before the stop: as `/proc/PID/stat` has it, proc(5).
    pub state: char,
    pub stack: Stack,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stack {
    /// Innermost first.
    pub frames: Vec<StackFrame>,
    /// It ends with the function that the thread began with.
    pub whole: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StackFrame {
    /// Index into the objects' names; `None`: the address is in no object.
    pub object: Option<u32>,
    /// Offset of the instruction from the object's load address, or the address.
    pub offset: u64,
    /// For an object that is not kt's: the name from its own symbols.
    pub symbol: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRequest {
    /// Looks in a second.
    pub frequency: u32,
    /// Also threads that wait.
    pub wall: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStarted {
    pub worker: WorkerId,
    pub generation: Generation,
}

/// What was found since the part before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfilePart {
    /// Names of objects behind those that were named before.
    pub objects: Vec<String>,
    pub stacks: Vec<CountedStack>,
    pub looks: u64,
    /// Looks that were left out, so that the worker does not stand for more than a tenth of the
    /// time.
    pub skipped: u64,
    /// Threads that did not stop in time.
    pub missed: u64,
    /// How long threads stood in all, from the first one's stop to the moment at which all ran
    /// again.
    pub stood_us: u64,
    /// The longest time of one sample.
    pub longest_us: u64,
    /// Processor time that the host used for it.
    pub sampler_us: u64,
    /// Set in the last part.
    pub ended: Option<ProfileEnd>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedStack {
    /// The thread's name.
    pub thread: String,
    pub stack: Stack,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileEnd {
    /// The client ended the request.
    Asked,
    /// The worker stopped or was replaced.
    Worker,
    /// A debugger attached.
    Debugger,
    /// The host stops.
    Host,
    /// The system's message.
    Failed(String),
}

/// Why there are no stacks. The worker is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleRefused {
    /// No worker runs.
    NoWorker(String),
    /// A debugger is attached through this host: one process at a time can trace a thread.
    Debugged(DebuggerAttached),
    /// A process that this host did not start traces the worker.
    Traced { pid: u32, name: String },
    /// The kernel forbids it.
    Forbidden(Forbidden),
    /// Another profile is in progress.
    Profiled,
    /// The system's message.
    Failed(String),
}
