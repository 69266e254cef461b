//! States: what a swap does to them, and the requests of `cargo kt state`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Generation;
pub use crate::codec::format;

/// How a swap treats states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOptions {
    /// Refuse a generation that would reset a state, even if `resets` allows it.
    pub keep: bool,
    /// The states that are reset if their migration fails. Without this permission the generation
    /// is refused.
    pub resets: Resets,
    /// How long calls in flight may delay a migration, milliseconds; also how long it may make no
    /// progress.
    pub timeout_ms: u64,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            keep: false,
            resets: Resets::default(),
            timeout_ms: super::limits::MIGRATION.as_millis() as u64,
        }
    }
}

/// Which states may be reset because they cannot be migrated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resets {
    #[default]
    None,
    /// By their whole keys.
    Of(Vec<String>),
    All,
}

impl Resets {
    pub fn allow(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Of(keys) => keys.iter().any(|allowed| allowed == key),
            Self::All => true,
        }
    }
}

impl StateOptions {
    /// Whether this state may be reset if its migration fails.
    pub fn allow_reset(&self, key: &str) -> bool {
        !self.keep && self.resets.allow(key)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOutcome {
    pub key: String,
    pub outcome: Outcome,
}

/// What a swap did to one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// New, with its initial value.
    Created,
    /// Same memory, nothing copied.
    Kept {
        /// The initializer in the source has changed since.
        initializer_changed: bool,
        /// It is a cell without a value: a lazy one will run its original initializer.
        empty: bool,
    },
    /// Its type or version changed: the old code encoded the value and the new code decoded it.
    Migrated {
        why: Changed,
        bytes: u64,
        elapsed_us: u64,
    },
    /// It comes from another worker, or from a file.
    Carried { bytes: u64 },
    /// Its type changed or may have changed, and it cannot be migrated. It has its initial value.
    Reset {
        why: Changed,
        /// What happens to the former value; `None` if its worker stopped, or it has nothing to
        /// drop.
        former: Option<Former>,
    },
    /// The static was removed from the program. Its value is detached; `size` of its type, bytes.
    Removed { size: u64 },
}

/// What happens to the former value of a reset state after the calls that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Former {
    /// It is moved out of its lock and dropped.
    Dropped,
    /// It is passed to the state's `on_reset`.
    Hook,
    /// It stays in memory.
    Held,
}

/// Why the value of a state cannot be kept unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// The type in the source.
    Type { from: String, to: String },
    /// Its size in bytes.
    Size { name: String, from: u64, to: u64 },
    /// A part of its layout, which the layout descriptions name.
    Layout { name: String },
    /// The layouts could not be compared; they may be equal.
    Unknown { name: String },
    /// `#[kt::state(version = …)]`.
    Version { from: u64, to: u64 },
    /// A new worker must be started, and its type has no serde to carry it over.
    NewWorker { name: String },
    /// Its migration failed, and the request allowed a reset.
    NotMigrated { path: String, reason: String },
}

/// A state whose value could not be encoded by the old code or decoded by the new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMigrated {
    pub key: String,
    /// Where in the value: `.field[3]`.
    pub path: String,
    /// serde's message.
    pub reason: String,
}

impl NotMigrated {
    /// Truncates texts of user code, so that any number of these fits in a message.
    pub fn new(key: &str, path: &str, reason: &str) -> Self {
        Self {
            key: key.to_owned(),
            path: shortened(path),
            reason: shortened(reason),
        }
    }
}

/// The longest text of a [`NotMigrated`], in bytes.
const TEXT: usize = 1024;

fn shortened(text: &str) -> String {
    match text.len() <= TEXT {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(TEXT)]),
    }
}

/// A request of a client. It names no files. A key is a state's whole key, or a suffix that matches
/// one state only: `NAME`, `module::NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateRequest {
    List,
    Get {
        key: String,
    },
    /// Sets a state to a value that a user wrote, in the [format](mod@format) of states.
    Set {
        key: String,
        value: Vec<u8>,
    },
    /// Resets these states to their initial values, or all states of the program.
    Clear {
        keys: Vec<String>,
    },
    /// Former values of reset states that are still in memory.
    Former,
    /// Drops detached values, and retries dropping former ones: of these states, or of all.
    Drop {
        keys: Vec<String>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateAnswer {
    List(Vec<StateInfo>),
    Value(Shown),
    Former(Vec<FormerInfo>),
    /// The keys of the states that were changed.
    Done(Vec<String>),
    Moved(Moved),
}

/// The contents of a saved file, or what was loaded from one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub keys: Vec<String>,
    /// Skipped states: without serde when saving, not in the program when loading.
    pub left: Vec<String>,
    /// Skipped states that could not be encoded.
    pub failed: Vec<NotMigrated>,
    pub bytes: u64,
}

/// A state as the worker knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateInfo {
    pub key: String,
    /// As written in the source.
    pub type_tokens: String,
    pub file: String,
    pub line: u32,
    /// Size of the type itself, without what it points to, bytes.
    pub size: u64,
    /// Size of the encoded value. `None`: it has no serde, its lock is held, or encoding takes too
    /// long.
    pub encoded: Option<u64>,
    /// The generation that created the value.
    pub generation: Generation,
    /// Outcome of the latest swap.
    pub outcome: Outcome,
    /// The program declares it. Otherwise it is detached.
    pub declared: bool,
    /// It can be migrated, shown as JSON, set, saved.
    pub serde: bool,
    /// It has the argument `keep`: parts without a visible type are not compared.
    pub keep: bool,
}

/// A value that a state had before it was reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerInfo {
    pub key: String,
    /// As written in the source.
    pub type_tokens: String,
    /// Size of the type itself, without what it points to, bytes.
    pub size: u64,
    /// The generation that created the value.
    pub generation: Generation,
    pub held: StillHeld,
}

/// Why a former value is still in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StillHeld {
    /// Calls of former generations are running and may use it.
    Calls,
    /// It is not in a lock, so it cannot be moved out.
    NoLock,
    /// A background task holds its lock.
    Locked,
    /// Its `on_reset` has not returned.
    Hook,
    /// It is being dropped.
    Dropping,
    /// `on_reset` or a destructor panicked, or no thread could be started for it.
    Failed(String),
}

impl fmt::Display for StillHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "calls of former generations are running",
            Self::NoLock => "it is not inside a lock",
            Self::Locked => "a background task holds its lock",
            Self::Hook => "its `on_reset` has not returned",
            Self::Dropping => "it is being dropped",
            Self::Failed(reason) => reason,
        })
    }
}

/// A value, in the best form that its type allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// In the format of states, for a human reader.
    Encoded(Vec<u8>),
    /// It has no value yet.
    Empty,
    Debug(String),
    /// Neither serde nor Debug.
    Opaque,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateRefused {
    NoWorker,
    Unknown {
        key: String,
        nearest: Option<String>,
    },
    /// Several states match.
    Ambiguous {
        key: String,
        keys: Vec<String>,
    },
    /// Its type has no serde.
    NoSerde {
        key: String,
        type_tokens: String,
    },
    /// Its former values cannot be dropped now.
    StillHeld {
        key: String,
        held: StillHeld,
    },
    /// It is part of the program: only detached values can be dropped.
    InUse {
        key: String,
    },
    /// A lock was held or calls ran for too long.
    Busy {
        key: Option<String>,
        calls: Vec<String>,
        after_ms: u64,
    },
    Failed {
        key: String,
        /// Where in the value.
        path: String,
        reason: String,
    },
    /// The states that could not be encoded for a file or decoded from one.
    NotMigrated(Vec<NotMigrated>),
    TooLarge {
        limit: u64,
    },
    /// The file is invalid, or cannot be read or written.
    File {
        reason: String,
    },
    /// The worker stopped or did not answer.
    Lost {
        reason: String,
    },
}
