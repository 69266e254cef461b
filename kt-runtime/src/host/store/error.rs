use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::wire::{ObjectId, upload::UploadRefused};

/// Why the store does not take an object or cannot give one.
#[derive(Debug)]
pub enum StoreError {
    WrongHash {
        expected: ObjectId,
        found: ObjectId,
    },
    /// A stored object is no longer what it was.
    Damaged {
        id: ObjectId,
        path: PathBuf,
    },
    TooLarge {
        limit: u64,
    },
    /// `needed`: bytes that found no room, if the length was announced.
    Full {
        path: PathBuf,
        needed: Option<u64>,
    },
    /// A patch refers to an object that is not there.
    NoReference(ObjectId),
    /// An upload goes on behind more bytes than are there.
    NoPartial {
        offset: u64,
        there: u64,
    },
    /// What comes is not encoded as it says; the decoder's words.
    Undecodable(String),
    /// What is decoded is not as long as announced.
    WrongLength {
        announced: u64,
        /// Or the first that is too many.
        found: u64,
    },
    BadName(String),
    /// One worker already has another object of this name.
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
                "the bytes of object {expected} hash to {found}: the file changed while it was sent"
            ),
            Self::Damaged { id, path } => write!(
                f,
                "object {id} was damaged after it was stored in {}: run `cargo kt run` again, which sends it anew",
                path.display()
            ),
            Self::TooLarge { limit } => write!(f, "the object has more than {limit} bytes"),
            Self::Full { path, needed } => {
                write!(f, "no space left on the device of {}", path.display())?;
                match needed {
                    Some(bytes) => write!(f, ": {bytes} more bytes are needed"),
                    None => Ok(()),
                }
            }
            Self::NoReference(id) => {
                write!(f, "the patch refers to object {id}, which is not there")
            }
            Self::NoPartial { offset, there } => write!(
                f,
                "the upload goes on at byte {offset}, of what came before {there} bytes are there"
            ),
            Self::Undecodable(why) => write!(f, "what came cannot be decoded: {why}"),
            Self::WrongLength { announced, found } => write!(
                f,
                "{announced} bytes were announced, and {found} came out: the file changed while it was sent"
            ),
            Self::BadName(name) => write!(f, "{name:?} is no name for an object"),
            Self::NameTaken(name) => write!(
                f,
                "the worker already has another object named {name}, and the dynamic linker would take that one"
            ),
            Self::Io { doing, path, error } => {
                write!(f, "failed to {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// How a client is told that may do without what failed.
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

/// The error of a file that could not be written; `needed`: bytes that were still to come.
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
