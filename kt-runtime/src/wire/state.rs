//! What can be asked about states, besides what a swap does to them: `cargo kt state`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Generation;
pub use crate::codec::format;

/// How a swap is to treat states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateOptions {
    /// Refuse a generation that would reset a state, whatever `resets` allows.
    pub keep: bool,
    /// The states that are reset if their migration fails. Without this permission the generation is refused.
    pub resets: Resets,
    /// How long calls in flight may hold a migration up, milliseconds; also how long it may stand still.
    pub patience_ms: u64,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            keep: false,
            resets: Resets::default(),
            patience_ms: super::limits::MIGRATION.as_millis() as u64,
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

/// What became of one state at a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// New: holds its initial value.
    Created,
    /// Same memory, nothing copied.
    Kept {
        /// The initialiser in the source is not the one that it was made by.
        initialiser_changed: bool,
        /// It is a cell without a value: a lazy one will run the initialiser that it was made with.
        empty: bool,
    },
    /// Its type or its meaning changed: the value was encoded by the old code and decoded by the new.
    Migrated {
        why: Changed,
        bytes: u64,
        elapsed_us: u64,
    },
    /// It comes from another worker, or from a file.
    Carried { bytes: u64 },
    /// Its type changed or may have, and it cannot be migrated: holds its initial value.
    Reset {
        why: Changed,
        /// What becomes of the former value; `None` if it went with its worker, or holds nothing.
        former: Option<Former>,
    },
    /// The static is gone from the program; its value, of a type of so many bytes, is set aside.
    Removed { size: u64 },
}

/// What becomes of the value that a state had before it was reset, once the calls that use it have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Former {
    /// It is dropped: it can be taken out of its lock.
    Dropped,
    /// It is given to the state's `on_reset`.
    Hook,
    /// It stays in memory, with what it holds.
    Held,
}

/// What is different about a state whose value cannot be kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// The type as it is written.
    Type { from: String, to: String },
    /// Its size in bytes.
    Size { name: String, from: u64, to: u64 },
    /// Something in it, which the layouts' descriptions tell.
    Layout { name: String },
    /// Nothing may have changed: the layouts could not be compared.
    Unknown { name: String },
    /// `#[kt::state(version = …)]`.
    Version { from: u64, to: u64 },
    /// A new worker has to be started, and its type has no serde to be carried over.
    NewWorker { name: String },
    /// It could not be migrated, and the request allowed to reset it.
    NotMigrated { path: String, reason: String },
}

/// A state whose value could not be encoded by the old code or decoded by the new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMigrated {
    pub key: String,
    /// Where in the value: `.field[3]`.
    pub path: String,
    /// In serde's words.
    pub reason: String,
}

impl NotMigrated {
    /// Shortens texts of user code, so that any number of these fits in a message.
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

/// One question or order of a client's; files that the worker opens are no part of it. A key is a state's whole one, or an end of it that fits one state only: `NAME`, `module::NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateRequest {
    List,
    Get {
        key: String,
    },
    /// Gives a state a value that a person wrote, in the [format](mod@format) of states.
    Set {
        key: String,
        value: Vec<u8>,
    },
    /// Back to the initial value: these states, or all that the program has.
    Clear {
        keys: Vec<String>,
    },
    /// Values that swaps reset and that are still held.
    Former,
    /// Forgets values that were set aside, and tries again to drop former ones: of these states, or all.
    Drop {
        keys: Vec<String>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StateAnswer {
    List(Vec<StateInfo>),
    Value(Shown),
    Former(Vec<FormerInfo>),
    /// Of the states that it was done to, keys.
    Done(Vec<String>),
    Moved(Moved),
}

/// What a saved file has, or what was taken from one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub keys: Vec<String>,
    /// Those that were left out: states without serde when saving, states that the program does not have when loading.
    pub left: Vec<String>,
    /// Those that could not be encoded and were allowed to be left out.
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
    /// Of the type itself, without what it points at; bytes.
    pub size: u64,
    /// Of the encoded value: a measure of what it holds. `None`: it has no serde, a lock is held, or it takes too long to tell.
    pub encoded: Option<u64>,
    /// The generation that made the value.
    pub generation: Generation,
    /// Of the latest swap.
    pub outcome: Outcome,
    /// The program has it; else it is set aside.
    pub declared: bool,
    /// It can be migrated, shown as JSON, set, saved.
    pub serde: bool,
    /// It has the argument `keep`: what has no visible type in it is not compared.
    pub keep: bool,
}

/// A value that a state had before it was reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerInfo {
    pub key: String,
    /// As written in the source.
    pub type_tokens: String,
    /// Of the type itself, without what it points at; bytes.
    pub size: u64,
    /// The generation that made the value.
    pub generation: Generation,
    pub held: StillHeld,
}

/// Why a former value is still held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StillHeld {
    /// Calls of former generations run, which may use it.
    Calls,
    /// It is in no lock that it could be taken out of.
    NoLock,
    /// Work in the background holds its lock.
    Locked,
    /// Its `on_reset` has not returned.
    Hook,
    /// It is being dropped.
    Dropping,
    /// `on_reset` or a destructor panicked, or there was no thread for it.
    Failed(String),
}

impl fmt::Display for StillHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "calls of former generations run",
            Self::NoLock => "it is in no lock that it could be taken out of",
            Self::Locked => "work in the background holds its lock",
            Self::Hook => "its `on_reset` has not returned",
            Self::Dropping => "it is being dropped",
            Self::Failed(reason) => reason,
        })
    }
}

/// A value in the best form that its type allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// In the format of states, for a person.
    Encoded(Vec<u8>),
    /// It has no value yet.
    Empty,
    Debug(String),
    /// Neither serde nor Debug.
    Opaque,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateRefused {
    NoWorker,
    Unknown {
        key: String,
        nearest: Option<String>,
    },
    /// Several states end so.
    Ambiguous {
        key: String,
        keys: Vec<String>,
    },
    /// Its type has no serde.
    NoSerde {
        key: String,
        type_tokens: String,
    },
    /// Former values of it cannot be dropped now.
    StillHeld {
        key: String,
        held: StillHeld,
    },
    /// It is part of the program: only values that were set aside can be dropped.
    InUse {
        key: String,
    },
    /// A lock was held, or calls ran, for too long.
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
    /// All states that could not be encoded for a file, or decoded from one.
    NotMigrated(Vec<NotMigrated>),
    TooLarge {
        limit: u64,
    },
    /// The file is none, or cannot be read or written.
    File {
        reason: String,
    },
    /// The worker ended or did not answer.
    Lost {
        reason: String,
    },
}
