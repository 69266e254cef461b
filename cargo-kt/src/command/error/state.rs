//! Why something was not done to states, and what to do then.

use std::{fmt, io, path::PathBuf, time::Duration};

use kt::wire::state::{StateRefused, StillHeld};

use crate::{
    session::report::{cause, name_of},
    terminal::text,
};

/// Why a `cargo kt state` command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    #[error("{0}")]
    Refused(Box<Refused>),
    #[error(
        "the value is no JSON: {source}\nhelp: a text is written in quotes, which a shell wants in quotes of its own: '\"text\"'"
    )]
    NotJson { source: serde_json::Error },
    #[error("the value cannot be shown as JSON: {why}")]
    NotShown { why: String },
    #[error("{} is there already\nhelp: `--force` overwrites it", path.display())]
    Exists { path: PathBuf },
    #[error(
        "nobody can be asked whether all states of {service} are to lose their values\nhelp: `--yes` says so"
    )]
    NotAsked { service: String },
    #[error("nothing was done")]
    Declined,
    #[error("failed to write {}: {source}\nhelp: name a file in a folder that is there and can be written to", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to read {}: {source}\nhelp: name a file that `cargo kt state save` wrote", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to read the value from standard input: {source}")]
    Stdin { source: io::Error },
    #[error("the service answered something else than was asked")]
    Unexpected,
}

/// What was to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    List,
    Get,
    Set,
    Clear,
    Drop,
    Save,
    Load,
}

impl Deed {
    /// While it is done.
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

    /// In "could not be …".
    fn done(self) -> &'static str {
        match self {
            Self::List => "listed",
            Self::Get => "read",
            Self::Set => "set",
            Self::Clear => "cleared",
            Self::Drop => "dropped",
            Self::Save => "saved",
            Self::Load => "loaded",
        }
    }
}

/// What to do if values of a file do not fit.
const FORMER_VALUES: &str = "\nhelp: no state was changed; `#[serde(default)]`, `#[serde(alias = …)]` and \
                             `#[kt::state(migrate = …)]` say what is to become of former values";

/// A worker's or host's refusal.
#[derive(Debug)]
pub struct Refused {
    pub(in crate::command) service: String,
    pub(in crate::command) deed: Deed,
    pub(in crate::command) refused: StateRefused,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            deed,
            refused,
        } = self;
        let done = deed.done();
        match refused {
            StateRefused::NoWorker => write!(
                f,
                "{service} has no worker, so it holds nothing\nhelp: `cargo kt run` starts one"
            ),
            StateRefused::Unknown { key, nearest } => {
                write!(f, "{service} has no state `{key}`")?;
                match nearest {
                    Some(nearest) => write!(f, ": did you mean `{nearest}`?"),
                    None => write!(f, "\nhelp: `cargo kt state ls` lists those that it has"),
                }
            }
            StateRefused::Ambiguous { key, keys } => {
                let keys = text::names(keys);
                write!(
                    f,
                    "`{key}` is the name of several states\nhelp: name one of {keys}"
                )
            }
            StateRefused::NoSerde { key, type_tokens } => write!(
                f,
                "state `{}` could not be {done}: its type `{type_tokens}` has no serde\n\
                 help: derive `Serialize` and `Deserialize` for what is in it",
                name_of(key)
            ),
            StateRefused::StillHeld { key, held } => write!(
                f,
                "the former value of state `{}` could not be {done}: {held}\n{}",
                name_of(key),
                match held {
                    StillHeld::NoLock | StillHeld::Failed(_) =>
                        "help: `#[kt::state(on_reset = function)]` closes what such a value holds open; `cargo kt down` ends the worker",
                    _ => "help: try again when that has ended; `cargo kt down` ends the worker",
                }
            ),
            StateRefused::InUse { key } => {
                let name = name_of(key);
                write!(
                    f,
                    "state `{name}` is part of the program: only values that were set aside can be dropped\n\
                     help: `cargo kt state clear {name}` gives it its initial value"
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
                            "state `{name}` could not be {done}: its lock was held for {after}"
                        )?;
                    }
                    None => write!(
                        f,
                        "the states could not be {done}: another command has worked on them for {after}"
                    )?,
                }
                if !calls.is_empty() {
                    write!(f, ", while {} ran", text::names(calls))?;
                }
                write!(f, "\nhelp: try again when that has ended")
            }
            StateRefused::Failed { key, path, reason } => {
                write!(f, "state `{}` could not be {done}", name_of(key))?;
                if !path.is_empty() {
                    write!(f, " at `{path}`")?;
                }
                write!(f, ": {reason}")?;
                match deed {
                    Deed::Set => write!(
                        f,
                        "\nhelp: `cargo kt state get {}` shows what its values look like",
                        name_of(key)
                    ),
                    Deed::Load => write!(f, "{FORMER_VALUES}"),
                    _ => Ok(()),
                }
            }
            StateRefused::NotMigrated(failed) => {
                if let [state] = &failed[..] {
                    let name = name_of(&state.key);
                    write!(f, "state `{name}` could not be {done}{}", cause(state))?;
                } else {
                    let states = text::count(failed.len(), "state");
                    write!(f, "{states} could not be {done}:")?;
                    for state in failed {
                        write!(f, "\n  `{}`{}", name_of(&state.key), cause(state))?;
                    }
                }
                match deed {
                    Deed::Load => write!(f, "{FORMER_VALUES}"),
                    _ => Ok(()),
                }
            }
            StateRefused::TooLarge { limit } => write!(
                f,
                "the value could not be {done}: its encoding has more than {}{}",
                text::bytes(*limit),
                match deed {
                    Deed::Get => "\nhelp: `cargo kt state save` writes values of any size",
                    Deed::Set =>
                        "\nhelp: a remote function can make a value of any size, and `cargo kt state load` loads one",
                    _ => "",
                }
            ),
            StateRefused::File { reason } => match deed {
                Deed::Load => write!(
                    f,
                    "the file could not be loaded: {reason}\nhelp: no state was changed; `cargo kt state save` writes such files"
                ),
                _ => write!(
                    f,
                    "the states could not be {done}: their file on the service's machine: {reason}"
                ),
            },
            StateRefused::Lost { reason } => write!(
                f,
                "{service} did not say whether it was done: {reason}\nhelp: `cargo kt ls` tells how it is, `cargo kt logs` what was printed"
            ),
        }
    }
}
