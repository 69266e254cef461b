//! Both ends of a copy of files and folders, see [`wire::files`](crate::wire::files): `cargo kt cp`
//! is one, the host the other. Each end works on a thread that may wait for its disk. [`peer`]
//! connects the two.

mod folder;
mod partial;
pub mod peer;
mod receive;
mod send;
mod source;
#[cfg(test)]
mod tests;

use std::io;

pub use receive::receive;
pub use send::send;

use crate::wire::files::{Hash, Plan, Problem, Summary, Why};

/// The owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// Observes a copy.
pub trait Watch {
    /// The copy begins.
    fn planned(&mut self, _plan: &Plan) {}

    /// Existing data is being read, to check whether it is the same.
    fn checking(&mut self) {}

    /// More bytes are done: transferred, or already present.
    fn moved(&mut self, _bytes: u64, _carried: bool) {}

    /// A file has arrived and was verified.
    fn arrived(&mut self, _path: &std::ffi::OsStr, _size: u64, _hash: &Hash) {}

    /// Something will not arrive, or not correctly.
    fn problem(&mut self, _side: Side, _problem: Problem) {}
}

/// Why a copy stopped early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The other end disconnected. Received parts of a file stay, for the next copy.
    Disconnected,
    /// The other end violated the protocol.
    Protocol,
    /// The receiver refused the copy.
    Refused(Problem),
}

/// The outcome of a copy. Failures of single files are reported to the [observer](Watch).
pub type Copied = Result<Summary, Stopped>;

fn system(doing: &str, error: &io::Error) -> Why {
    Why::System {
        doing: doing.to_owned(),
        // Every error of a system call has a number.
        error: error.raw_os_error().unwrap_or(libc::EIO),
        user: rustix::process::geteuid().as_raw(),
    }
}
