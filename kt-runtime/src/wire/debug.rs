//! A debugger of the worker. The body of `POST /v1/debug` begins with a [frame](super::frame) that
//! holds a [`DebugRequest`]; the answer's begins with one that holds `Result<`[`DebugStarted`]`,
//! `[`DebugRefused`]`>`. Behind them both carry the bytes of gdb's remote protocol as they are.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Generation, ObjectId, WorkerId};

/// Asks to attach a debugger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugRequest {
    /// `user@machine`, for messages to other clients that are refused meanwhile.
    pub who: String,
    pub stub: Stub,
    /// The number of breakpoints to pass without stopping.
    pub ignored_breakpoints: u64,
    /// What to do with new code meanwhile.
    pub reloads: Reloads,
}

/// The program that speaks gdb's remote protocol beside the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stub {
    /// The `gdbserver` that is installed next to the host.
    Installed,
    /// gdbserver as stored objects: the dynamic linker starts it, with libraries of its own.
    Stored {
        loader: ObjectId,
        gdbserver: ObjectId,
        /// By file name.
        libraries: Vec<(String, ObjectId)>,
    },
}

/// What to do with new code while a debugger is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reloads {
    /// `cargo kt` waits for the debugger to detach.
    Wait,
    Refuse,
}

/// A debugger may attach now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugStarted {
    pub worker: WorkerId,
    pub generation: Generation,
    /// The worker's executable, as its own mount namespace has it.
    pub executable: String,
    /// The files that are mapped into it as code.
    pub mapped: Vec<String>,
}

/// Why no debugger may attach. The worker is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DebugRefused {
    /// No worker runs.
    NoWorker(String),
    /// Another debugger is attached through this host.
    Attached(DebuggerAttached),
    /// A process that this host did not start traces the worker.
    Traced {
        pid: u32,
        /// Its command's name, if visible.
        name: String,
    },
    /// The kernel forbids it.
    Forbidden(Forbidden),
    /// The stub's objects are not in the store.
    Missing(Vec<ObjectId>),
    /// The stub could not be started.
    Stub(String),
}

/// A debugger that is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebuggerAttached {
    pub who: String,
    pub since_ms: u64,
    pub reloads: Reloads,
}

/// Why the host's children may not trace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forbidden {
    /// `kernel.yama.ptrace_scope` has this value.
    Yama(u8),
    /// A seccomp filter, or another security module, refuses ptrace(2) itself.
    Seccomp,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yama(3) => f.write_str("Yama forbids ptrace (kernel.yama.ptrace_scope = 3)"),
            Self::Yama(scope) => write!(
                f,
                "Yama forbids ptrace without CAP_SYS_PTRACE (kernel.yama.ptrace_scope = {scope})"
            ),
            Self::Seccomp => f.write_str("a seccomp filter forbids ptrace"),
        }
    }
}
