//! *build*: from a plan to the rlibs of one program, through cargo or by replaying rustc.
//!
//! cargo is called with this executable as RUSTC_WRAPPER, which has kt-runtime compiled whole, and as RUSTC_WORKSPACE_WRAPPER, so every compilation of a workspace member is recorded:
//! how rustc was called, what it read and what it left. From that follows whether an artifact is what its sources say now,
//! and how to make it again without cargo. Nothing here links, and nothing knows of places.

mod builder;
mod cargo;
mod cargo_build;
mod compile;
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
pub use console::Console;
pub use debug_info::debug_fully;
pub use error::BuildError;
pub use lock::BuildLock;
pub use phases::Phase;
pub use snapshot::Snapshot;
pub use wrapper::multi_call;

use crate::{artifacts::Compiled, plan::Plan};

/// What a build gives.
#[derive(Debug)]
pub struct Built {
    pub plan: Plan,
    pub compiled: Compiled,
    pub how: How,
    /// While it is held no other `cargo kt` compiles in this target directory: keep it until the rlibs are linked.
    pub lock: BuildLock,
    /// Where the time went.
    pub phases: Vec<Phase>,
}

/// How the artifacts came about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// Nothing had changed; no process was started.
    Unchanged,
    /// rustc was called without cargo for these crates.
    Replayed { crates: Vec<String> },
    /// cargo was called; why, for `-v`.
    Cargo { reason: String },
}
