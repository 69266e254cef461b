//! *debug*: runs gdb on this machine for a local or remote worker, with the symbols that only this
//! machine has. [`session`] forwards gdb's bytes over a stream to the host. [`sysroot`] creates a
//! directory in which gdb finds, under the paths of the worker's files, their counterparts with
//! debug information. [`script`] writes gdb's startup script, and [`sources`] gives each generation
//! its own sources. It may not know how a service is reached.

mod error;
mod pipe;
mod script;
mod session;
mod sources;
mod stub;
mod sysroot;
mod tools;
mod variables;

pub use error::{DebugError, permit};
pub use pipe::{COMMAND as PIPE_COMMAND, main as pipe};
pub use script::{Batch, Script};
pub use session::Session;
pub use sources::with_own_sources;
pub use stub::Shipped;
pub use sysroot::{Origin, Sysroot};
pub use tools::{Gdb, check_gdbserver};
pub use variables::{Place, lacks_variables};
