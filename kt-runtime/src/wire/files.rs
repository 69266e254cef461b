//! Files to and from a service: `cargo kt cp` and SFTP.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/files/copy` | a [frame](super::frame) with [`CopyRequest`], then one side of a copy | the other side of it |
//! | `POST /v1/files/sftp` | a frame with `()`, then bytes of SFTP version 3 | bytes of SFTP version 3 |
//!
//! Both sides of a copy are frames: the sender's are [`FromSender`], the receiver's
//! [`FromReceiver`]. Behind a frame with [`FromSender::Bytes`] come so many bytes as they are.
//!
//! ```text
//! sender                     receiver
//! Plan ───────────────────────▶        the entries, and how much space they take
//!      ◀─────────────── Ready          or Refused: the target is invalid, or has too little free space
//! Entry … ────────────────────▶        up to WINDOW entries ahead of their answers
//!      ◀── Made, Want, Refuse          one for each entry, in their order
//! Contents, Bytes, Hole, End ─▶        of each wanted file, in the order of the wants
//!      ◀──────── Arrived, Lost         one for each of these, in their order
//! Done ───────────────────────▶
//!      ◀──────────────── Done
//! ```

use std::{ffi::OsString, fmt};

use serde::{Deserialize, Serialize};

pub const COPY: &str = "/v1/files/copy";
pub const SFTP: &str = "/v1/files/sftp";

/// Limit of entries whose answer or contents are due. Their answers fit into HTTP/2's window, so
/// that neither end ever waits for the other to read while it writes.
pub const WINDOW: usize = 256;
/// Limit of a file's bytes in one frame.
pub const PIECE: usize = 256 << 10;
/// Limit of a name in a folder, in bytes, on every file system of Linux.
pub const NAME: usize = 255;
/// Limit of a path, in bytes: `PATH_MAX`.
pub const PATH: usize = 4096;

/// What the service does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyRequest {
    /// It receives; the target is a path in the service.
    ToService { target: OsString },
    /// It sends these paths of the service.
    FromService {
        sources: Vec<OsString>,
        /// Follow symlinks among the sources.
        follow: bool,
    },
}

/// BLAKE3 of a file's contents, holes included.
pub type Hash = [u8; 32];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSender {
    Plan(Plan),
    Entry(Entry),
    /// The first wanted file's contents follow, from this offset on: 0, or the length that the
    /// receiver has.
    Contents {
        from: u64,
    },
    /// This many bytes follow the frame, [`PIECE`] at most.
    Bytes {
        length: u32,
    },
    /// This many zeros that take no disk space.
    Hole {
        length: u64,
    },
    End {
        /// Of the whole file, including bytes that were not sent.
        hash: Hash,
        /// The file was written to while it was read.
        changed: bool,
    },
    /// The file cannot be read to its end.
    Cut(Problem),
    /// Something is not copied at all.
    Problem(Problem),
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromReceiver {
    Ready(Identity),
    /// Nothing is copied.
    Refused(Problem),
    /// The folder or the symlink is there.
    Made,
    /// The file is wanted.
    Want(Option<Have>),
    /// The entry is not copied. `None`: because its folder is not copied, which was reported.
    Refuse(Option<Problem>),
    Arrived {
        hash: Hash,
    },
    /// The received bytes of a file are discarded.
    Lost(Problem),
    /// Something at the target is wrong; before `Done`.
    Problem(Problem),
    Done(Summary),
}

/// What a sender has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The first parts of the entries' paths, one for each source.
    pub names: Vec<OsString>,
    /// The first source is a folder.
    pub folder: bool,
    /// Files, folders and symlinks.
    pub entries: u64,
    /// Sum of the files' lengths.
    pub bytes: u64,
    /// Disk space without holes.
    pub allocated: u64,
}

/// A file, a folder, or a symlink. A folder comes before its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path from the target on. The first part names the source, or is `.` if that has no name
    /// (`.`, `/`).
    pub path: OsString,
    pub kind: Kind,
    /// The nine bits of permission.
    pub mode: u32,
    pub modified: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    File {
        size: u64,
        /// Bytes that it takes on its disk.
        allocated: u64,
    },
    Folder,
    Link {
        target: OsString,
    },
}

/// Since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// The beginning of a file that the receiver already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    pub length: u64,
    pub hash: Hash,
}

/// Identifies the receiving folder, so that no folder is copied into itself without end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The kernel's boot id; empty if unknown.
    pub boot: String,
    pub device: u64,
    pub inode: u64,
}

/// What arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub files: u64,
    pub folders: u64,
    pub links: u64,
    /// Sum of the files' lengths.
    pub bytes: u64,
    /// Of these, bytes that the receiver already had.
    pub found: u64,
}

/// Something that could not be copied, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The path on its own side.
    pub path: OsString,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The source does not exist.
    Missing,
    /// The target's parent folder does not exist.
    NoParent,
    /// Several sources, or a name that ends in `/`, require a folder that does not exist.
    NoFolder,
    /// A folder is required, and the target is something else.
    NotAFolder,
    /// A file or symlink is required, and the target is a folder.
    IsAFolder,
    /// A folder is required, and the target is a symlink.
    LinkInTheWay,
    /// A device, socket or FIFO: its description.
    Special(String),
    IntoItself,
    /// A source before it has the same name, and both would have the same target.
    SameName,
    /// Not a path that a copy can have.
    BadPath,
    NoRoom {
        needed: u64,
        available: u64,
    },
    /// Another copy writes to it.
    Busy,
    /// The received bytes differ from the sent ones.
    WrongHash,
    /// It became shorter while it was read.
    Shorter,
    /// It was written to while it was read.
    Changed,
    /// The system's message.
    System {
        doing: String,
        error: i32,
        /// The effective user of the process.
        user: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it does not exist"),
            Self::NoParent => f.write_str("the folder that it would lie in does not exist"),
            Self::NoFolder => f.write_str("there is no such folder"),
            Self::NotAFolder => f.write_str("a folder is needed there, and it is not one"),
            Self::IsAFolder => f.write_str("a folder is there, and only a folder can replace it"),
            Self::LinkInTheWay => {
                f.write_str("a symlink is there where a folder is needed; it is not followed")
            }
            Self::Special(kind) => write!(
                f,
                "it is a {kind}: only files, folders and symlinks are copied"
            ),
            Self::IntoItself => f.write_str("a folder cannot be copied into itself"),
            Self::SameName => f.write_str("a source before it has the same name"),
            Self::BadPath => f.write_str("it is not a path that can be copied to"),
            Self::NoRoom { needed, available } => {
                write!(f, "{needed} bytes are needed and {available} are free")
            }
            Self::Busy => f.write_str("another copy writes to it"),
            Self::WrongHash => {
                f.write_str("what arrived is not what was sent (BLAKE3 differs), and was discarded")
            }
            Self::Shorter => f.write_str("it became shorter while it was read"),
            Self::Changed => {
                f.write_str("it changed while it was read; what arrived is what was read")
            }
            Self::System { doing, error, .. } => {
                write!(
                    f,
                    "failed to {doing}: {}",
                    std::io::Error::from_raw_os_error(*error)
                )
            }
        }
    }
}
