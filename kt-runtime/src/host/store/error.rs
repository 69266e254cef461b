use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::wire::ObjectId;

/// Why the store does not take an object or cannot give one.
#[derive(Debug)]
pub enum StoreError {
    WrongHash {
        expected: ObjectId,
        found: ObjectId,
    },
    TooLarge {
        limit: u64,
    },
    /// `needed`: bytes that found no room, if the length was announced.
    Full {
        path: PathBuf,
        needed: Option<u64>,
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
            Self::TooLarge { limit } => write!(f, "the object has more than {limit} bytes"),
            Self::Full { path, needed } => {
                write!(f, "no space left on the device of {}", path.display())?;
                match needed {
                    Some(bytes) => write!(f, ": {bytes} more bytes are needed"),
                    None => Ok(()),
                }
            }
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
