use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::wire::{ObjectId, upload::UploadRefused};

/// Why the store rejects an object or cannot provide one.
#[derive(Debug)]
pub enum StoreError {
    WrongHash {
        expected: ObjectId,
        found: ObjectId,
    },
    /// A stored object was modified.
    Damaged {
        id: ObjectId,
        path: PathBuf,
    },
    TooLarge {
        limit: u64,
    },
    /// `needed`: remaining bytes that did not fit, if the length was announced.
    Full {
        path: PathBuf,
        needed: Option<u64>,
    },
    /// A patch refers to a missing object.
    NoReference(ObjectId),
    /// An upload resumes after more bytes than were received.
    NoPartial {
        offset: u64,
        there: u64,
    },
    /// The stream is invalid; contains the decoder's message.
    Undecodable(String),
    /// The decoded length differs from the announced one.
    WrongLength {
        announced: u64,
        /// Or the length at which decoding stopped.
        found: u64,
    },
    BadName(String),
    /// The worker already loaded another object with this name.
    NameTaken(String),
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongHash { expected, found } => write!(
                f,
                "hash mismatch: expected object {expected}, received {found}; the file changed while it was sent"
            ),
            Self::Damaged { id, path } => write!(
                f,
                "object {id} was damaged after it was stored in {}\nhelp: run `cargo kt run` to send it again",
                path.display()
            ),
            Self::TooLarge { limit } => write!(f, "the object is larger than {limit} bytes"),
            Self::Full { path, needed } => {
                write!(f, "no space left on the device of {}", path.display())?;
                match needed {
                    Some(bytes) => write!(f, ": {bytes} more bytes are needed"),
                    None => Ok(()),
                }
            }
            Self::NoReference(id) => {
                write!(
                    f,
                    "the patch refers to object {id}, which is not in the store"
                )
            }
            Self::NoPartial { offset, there } => write!(
                f,
                "the upload resumes at byte {offset}, but only {there} bytes were received"
            ),
            Self::Undecodable(why) => write!(f, "invalid upload: {why}"),
            Self::WrongLength { announced, found } => write!(
                f,
                "{announced} bytes were announced, but {found} received: the file changed while it was sent"
            ),
            Self::BadName(name) => write!(f, "{name:?} is not a valid object name"),
            Self::NameTaken(name) => write!(
                f,
                "the worker already loaded another object named {name}, which the dynamic linker would reuse"
            ),
            Self::Io { doing, path, error } => {
                write!(f, "failed to {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// The reason to report to a client that can retry in another way.
    pub fn refused(&self) -> Option<UploadRefused> {
        Some(match self {
            Self::NoReference(_) => UploadRefused::NoReference,
            Self::NoPartial { .. } => UploadRefused::NoPartial,
            Self::Undecodable(_) => UploadRefused::Undecodable,
            Self::WrongLength { .. } => UploadRefused::WrongLength,
            Self::WrongHash { .. } => UploadRefused::WrongHash,
            _ => return None,
        })
    }
}

/// The error of a file that could not be written; `needed`: bytes still to be written.
pub(super) fn written(path: &Path, needed: Option<u64>, error: io::Error) -> StoreError {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        return StoreError::Full {
            path: path.to_owned(),
            needed: needed.filter(|&bytes| bytes > 0),
        };
    }
    failed("write", path, error)
}

pub(super) fn failed(doing: &'static str, path: &Path, error: io::Error) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        error,
    }
}
