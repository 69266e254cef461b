//! Both ends of a copy of files and folders, as [`wire::files`](crate::wire::files) tells it: `cargo kt cp` is one, the host
//! the other. Each end works on a thread that may wait for its disk. [`peer`] connects it to the other end.

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

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// Who follows a copy.
pub trait Watch {
    /// The copy begins.
    fn planned(&mut self, _plan: &Plan) {}

    /// What is there already is being read, to see whether it is the same.
    fn checking(&mut self) {}

    /// So many bytes more are done: carried, or found not to need it.
    fn moved(&mut self, _bytes: u64, _carried: bool) {}

    /// A file is there, verified.
    fn arrived(&mut self, _path: &std::ffi::OsStr, _size: u64, _hash: &Hash) {}

    /// Something will not arrive, or not as it should.
    fn problem(&mut self, _side: Side, _problem: Problem) {}
}

/// Why a copy ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The other end is gone. What arrived of a file stays, for the next copy.
    Gone,
    /// The other end said something that has no place there.
    Protocol,
    /// The receiver takes nothing.
    Refused(Problem),
}

/// The outcome of a copy. That something did not arrive is told to who [watches](Watch).
pub type Copied = Result<Summary, Stopped>;

fn system(doing: &str, error: &io::Error) -> Why {
    Why::System {
        doing: doing.to_owned(),
        // Every error of a system call has a number.
        error: error.raw_os_error().unwrap_or(libc::EIO),
        user: rustix::process::geteuid().as_raw(),
    }
}
