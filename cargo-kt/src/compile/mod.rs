//! *compile*: from a plan to the rlibs of one program, through cargo or by replaying rustc.
//!
//! cargo runs with this executable as RUSTC_WRAPPER, which enables `cfg(kt)` in kt-runtime, and as
//! RUSTC_WORKSPACE_WRAPPER, which records every compilation of a workspace member: the invocation,
//! the inputs and the outputs. The records show whether an artifact is up to date and how to
//! recompile it without cargo. This module does not link and does not know places.

mod builder;
mod cancellation;
mod cargo;
mod cargo_build;
mod compilation;
mod console;
mod debug_info;
mod depinfo;
pub(crate) mod directory;
mod environment;
mod error;
mod evict;
mod file;
mod fresh;
mod inputs;
mod library_path;
mod linker;
mod lock;
mod messages;
mod mode;
mod phases;
mod plan_cache;
mod record;
mod records;
mod replay;
mod schedule;
mod script;
mod settings;
mod snapshot;
mod sort;
mod symbols;
mod tree;
mod types;
mod unit;
mod watch;
mod wrapper;

pub use builder::{Builder, Planned, Recalled};
pub use cancellation::Cancellation;
pub use console::Console;
pub use debug_info::debug_fully;
pub use error::BuildError;
pub use lock::BuildLock;
pub use phases::Phase;
pub use snapshot::Snapshot;
pub use wrapper::multi_call;

use crate::{artifacts::Compiled, plan::Plan};

/// The result of a build.
#[derive(Debug)]
pub struct Built {
    pub plan: Plan,
    pub compiled: Compiled,
    pub how: How,
    /// Prevents another `cargo kt` from compiling in this target directory. Hold it until the rlibs
    /// are linked.
    pub lock: BuildLock,
    /// How long each part took.
    pub phases: Vec<Phase>,
}

/// How the artifacts were built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// Nothing changed; no process was started.
    Unchanged,
    /// rustc compiled these crates without cargo.
    Replayed { crates: Vec<String> },
    /// cargo was called. `-v` prints the reason.
    Cargo { reason: String },
}
