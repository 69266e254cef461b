//! Errors of the `cargo kt state` commands, with their help.

use std::{fmt, io, path::PathBuf, time::Duration};

use kt::wire::state::{StateRefused, StillHeld};

use crate::{
    session::report::{cause, name_of},
    terminal::text,
};

/// Why a `cargo kt state` command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    #[error("{0}")]
    Refused(Box<Refused>),
    #[error(
        "invalid JSON: {source}\nhelp: strings need JSON quotes inside shell quotes: '\"text\"'"
    )]
    NotJson { source: serde_json::Error },
    #[error("failed to convert the value to JSON: {why}")]
    NotShown { why: String },
    #[error("{} already exists\nhelp: pass `--force` to overwrite it", path.display())]
    Exists { path: PathBuf },
    #[error(
        "cannot ask for confirmation to clear all states of {service}\nhelp: pass `--yes` to skip the prompt"
    )]
    NotAsked { service: String },
    #[error("canceled: no state was changed")]
    Declined,
    #[error("failed to write {}: {source}\nhelp: pass a path in an existing, writable directory", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to read {}: {source}\nhelp: pass a file written by `cargo kt state save`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to read the value from standard input: {source}")]
    Stdin { source: io::Error },
    #[error("the service sent an unexpected response")]
    Unexpected,
}

/// An operation on states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    List,
    Get,
    Set,
    Clear,
    Drop,
    Save,
    Load,
}

impl Operation {
    /// The status verb while it runs.
    pub(in crate::command) fn verb(self) -> &'static str {
        match self {
            Self::List => "Measuring",
            Self::Get => "Reading",
            Self::Set => "Setting",
            Self::Clear => "Clearing",
            Self::Drop => "Dropping",
            Self::Save => "Saving",
            Self::Load => "Loading",
        }
    }

    /// The verb in "failed to …".
    fn infinitive(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "read",
            Self::Set => "set",
            Self::Clear => "clear",
            Self::Drop => "drop",
            Self::Save => "save",
            Self::Load => "load",
        }
    }
}

/// Help for values that do not match the state's type.
const FORMER_VALUES: &str = "\nhelp: no state was changed; convert former values with `#[serde(default)]`, \
 `#[serde(alias = …)]` or `#[kt::state(migrate = …)]`";

/// An operation rejected by the worker or the host.
#[derive(Debug)]
pub struct Refused {
    pub(in crate::command) service: String,
    pub(in crate::command) operation: Operation,
    pub(in crate::command) refused: StateRefused,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            operation,
            refused,
        } = self;
        let verb = operation.infinitive();
        match refused {
            StateRefused::NoWorker => write!(
                f,
                "{service} has no worker, so it has no states\nhelp: start one with `cargo kt run`"
            ),
            StateRefused::Unknown { key, nearest } => {
                write!(f, "{service} has no state `{key}`")?;
                match nearest {
                    Some(nearest) => write!(f, ": did you mean `{nearest}`?"),
                    None => write!(f, "\nhelp: list the states with `cargo kt state ls`"),
                }
            }
            StateRefused::Ambiguous { key, keys } => {
                let keys = text::names(keys);
                write!(f, "`{key}` is ambiguous\nhelp: use one of {keys}")
            }
            StateRefused::NoSerde { key, type_tokens } => write!(
                f,
                "failed to {verb} state `{}`: its type `{type_tokens}` does not implement serde's traits\n\
                 help: derive `Serialize` and `Deserialize` for the types in it",
                name_of(key)
            ),
            StateRefused::StillHeld { key, held } => write!(
                f,
                "failed to {verb} the former value of state `{}`: {held}\n{}",
                name_of(key),
                match held {
                    StillHeld::NoLock | StillHeld::Failed(_) =>
                        "help: close the value's resources in `#[kt::state(on_reset = function)]`; `cargo kt down` stops the worker",
                    _ => "help: try again later; `cargo kt down` stops the worker",
                }
            ),
            StateRefused::InUse { key } => {
                let name = name_of(key);
                write!(
                    f,
                    "cannot drop state `{name}`: it is part of the program, and only detached values can be dropped\n\
                     help: reset it to its initial value with `cargo kt state clear {name}`"
                )
            }
            StateRefused::Busy {
                key,
                calls,
                after_ms,
            } => {
                let after = text::duration(Duration::from_millis(*after_ms));
                match key {
                    Some(key) => {
                        let name = name_of(key);
                        write!(
                            f,
                            "failed to {verb} state `{name}`: its lock was held for {after}"
                        )?;
                    }
                    None => write!(
                        f,
                        "failed to {verb} the states: another command was using them for {after}"
                    )?,
                }
                if !calls.is_empty() {
                    write!(f, " while {} was running", text::names(calls))?;
                }
                write!(f, "\nhelp: try again later")
            }
            StateRefused::Failed { key, path, reason } => {
                write!(f, "failed to {verb} state `{}`", name_of(key))?;
                if !path.is_empty() {
                    write!(f, " at `{path}`")?;
                }
                write!(f, ": {reason}")?;
                match operation {
                    Operation::Set => write!(
                        f,
                        "\nhelp: `cargo kt state get {}` prints a valid value",
                        name_of(key)
                    ),
                    Operation::Load => write!(f, "{FORMER_VALUES}"),
                    _ => Ok(()),
                }
            }
            StateRefused::NotMigrated(failed) => {
                if let [state] = &failed[..] {
                    let name = name_of(&state.key);
                    write!(f, "failed to {verb} state `{name}`{}", cause(state))?;
                } else {
                    let states = text::count(failed.len(), "state");
                    write!(f, "failed to {verb} {states}:")?;
                    for state in failed {
                        write!(f, "\n  `{}`{}", name_of(&state.key), cause(state))?;
                    }
                }
                match operation {
                    Operation::Load => write!(f, "{FORMER_VALUES}"),
                    _ => Ok(()),
                }
            }
            StateRefused::TooLarge { limit } => write!(
                f,
                "failed to {verb} the value: its encoding exceeds {}{}",
                text::bytes(*limit),
                match operation {
                    Operation::Get => "\nhelp: save values of any size with `cargo kt state save`",
                    Operation::Set =>
                        "\nhelp: set it in a remote function, or load it with `cargo kt state load`",
                    _ => "",
                }
            ),
            StateRefused::File { reason } => match operation {
                Operation::Load => write!(
                    f,
                    "failed to load the file: {reason}\nhelp: no state was changed; pass a file written by `cargo kt state save`"
                ),
                _ => write!(
                    f,
                    "failed to {verb} the states: temporary file of the service: {reason}"
                ),
            },
            StateRefused::Lost { reason } => write!(
                f,
                "{service} did not report whether the operation succeeded: {reason}\nhelp: check the service with `cargo kt ls` and `cargo kt logs`"
            ),
        }
    }
}
