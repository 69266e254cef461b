//! A debugger on this machine for a worker that may be anywhere: gdb, with the symbols that only this machine has.
//!
//! A [`session`] holds the stream to the host and carries gdb's bytes; [`sysroot`] is a directory in which gdb finds, under the
//! paths that the worker's files have there, their counterparts with debug information; [`script`] is what gdb is told at its
//! start. It may not know how a service is reached.

mod error;
mod pipe;
mod script;
mod session;
mod stub;
mod sysroot;
mod tools;

pub use error::{DebugError, attached, permit};
pub use pipe::{COMMAND as PIPE_COMMAND, main as pipe};
pub use script::{Batch, Script};
pub use session::Session;
pub use stub::Shipped;
pub use sysroot::{Origin, Sysroot};
pub use tools::{Gdb, check_gdbserver};
