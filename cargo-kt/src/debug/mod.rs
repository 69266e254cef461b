//! A debugger on this machine for a worker that may be anywhere: gdb, with the symbols that only this machine has.
//!
//! A [`session`] holds the stream to the host and carries gdb's bytes; [`sysroot`] is a directory in which gdb finds, under the
//! paths that the worker's files have there, their counterparts with debug information; [`script`] is what gdb is told at its
//! start, and [`sources`] gives each generation its own text. It may not know how a service is reached.

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
