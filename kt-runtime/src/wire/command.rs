//! Commands that run next to the worker: `cargo kt exec` and `cargo kt ssh`.
//!
//! The body of a request begins with a [frame](super::frame) that holds [`Start`]. The bytes after
//! it are the command's standard input, and their end is its end. The body of the answer is frames:
//! `Result<`[`Started`]`, `[`NotStarted`]`>`, then [`Event`]s, of which [`Event::Ended`] is the
//! last. If the stream is reset, the command's terminal is closed.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use super::{ObjectId, data::Stream};

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub program: Program,
    /// The worker's own if `None`.
    pub directory: Option<OsString>,
    /// Variables besides those of the worker.
    pub environment: Vec<(OsString, OsString)>,
    /// The size of the command's terminal. `None`: three pipes.
    pub terminal: Option<WindowSize>,
    /// Whether a prompt that waits for input counts as use of the service.
    pub keep_alive: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A program, searched in `PATH`, and its arguments.
    Arguments(Vec<OsString>),
    /// An interactive shell.
    Shell(Shell),
    /// A line that a shell interprets.
    Line(Shell, OsString),
}

/// Where a shell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shell {
    /// The one in the image.
    Installed,
    /// A static busybox in the store.
    Shipped(ObjectId),
}

/// Size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    pub columns: u16,
    pub rows: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Names the command in [`Control`].
    pub id: u64,
    pub pid: u32,
    /// The file that was executed.
    pub program: OsString,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotStarted {
    /// The image has no shell.
    NoShell,
    /// The store lacks the requested shell.
    NotStored,
    /// Nothing in `PATH` has this name.
    NotFound { program: OsString },
    /// The directory does not exist, or is not a directory.
    NoDirectory { directory: OsString },
    /// The system's message.
    Failed { what: String, why: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// On a terminal everything is [`Stream::Stdout`].
    Output {
        stream: Stream,
        bytes: Vec<u8>,
    },
    Ended(End),
}

/// How a command exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Code(i32),
    Signal(i32),
    /// The service stopped.
    ServiceEnded,
}

/// Controls a running command. The answer is whether it still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// [`Started::id`].
    pub id: u64,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Resize(WindowSize),
    /// A signal number, for the command's process group.
    Signal(i32),
}
