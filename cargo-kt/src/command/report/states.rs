//! What became of the states at a swap, and why one was refused for a state's sake.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use camino::Utf8Path;
use kt::wire::{state::{Changed, Former, Outcome, StateOutcome, NotMigrated}, control::SwapRefused, manifest::Manifest};

use super::name_of;
use crate::{
    layout::{self, Difference, StateLayout},
    plan::Packages,
    terminal::{Terminal, text},
};

/// How many states are named in one line.
const NAMED: usize = 4;

/// What differs in the layouts of states between what serves and what is to serve, by key: "field `x` of `Item`: `u64` → `u32`".
#[derive(Debug, Default)]
pub(in crate::command) struct Differences {
    seen: HashMap<String, String>,
    /// What would give a state's type serde, as a line of help.
    serde: HashMap<String, String>,
}

impl Differences {
    /// Of the states that both generations have.
    pub(in crate::command) fn between(
        warm: &Utf8Path,
        old: Option<&Manifest>,
        new: &[StateLayout],
        packages: &Packages,
    ) -> Self {
        let old = old.iter().flat_map(|manifest| &manifest.crates);
        let old: HashMap<&str, &str> = old
            .flat_map(|object| &object.states)
            .filter_map(|entry| Some((&*entry.key, entry.layout.as_deref()?)))
            .collect();
        let difference = |state: &StateLayout| {
            let (now, was) = (state.layout.as_ref().ok()?, old.get(&*state.key)?);
            if now.fingerprint.as_str() == *was {
                return None;
            }
            let text = match layout::difference(warm, was, now)? {
                Difference::Seen(difference) => difference,
                Difference::Erased { what, cause } => {
                    let cause = cause.unwrap_or_else(|| "crates were compiled anew".to_owned());
                    format!(
                        "{cause}, and it holds {what}, whose value may be of a type that changed\n\
                         help: if it holds no type of the workspace, `#[kt::state(keep)]` keeps it"
                    )
                }
            };
            Some((state.key.clone(), text))
        };
        Self {
            seen: new.iter().filter_map(difference).collect(),
            serde: new
                .iter()
                .filter_map(|state| Some((state.key.clone(), serde_help(state, packages)?)))
                .collect(),
        }
    }

    /// Why a state was reset, and how it would not have been.
    fn reset(&self, key: &str, why: &Changed) -> String {
        let words = self.words(key, why);
        match (why, self.serde.get(key)) {
            // It has serde.
            (Changed::NotMigrated { .. }, _) | (_, None) => words,
            (_, Some(help)) => format!("{words}\n{help}"),
        }
    }

    fn words(&self, key: &str, why: &Changed) -> String {
        let told = |fallback: String| self.seen.get(key).cloned().unwrap_or(fallback);
        match why {
            Changed::Type { from, to } => format!("its type changed from `{from}` to `{to}`"),
            Changed::Size { name, from, to } => {
                told(format!("`{name}` changed from {from} to {to} bytes"))
            }
            Changed::Layout { name } => told(format!("the layout of `{name}` changed")),
            Changed::Unknown { name } => {
                format!("the layout of `{name}` could not be compared, `-v` tells why")
            }
            Changed::Version { from, to } => format!("version {from} → {to}"),
            Changed::NewWorker { .. } => {
                "it has no serde to be carried over to a new worker with".to_owned()
            }
            Changed::NotMigrated { path, reason } => match path.is_empty() {
                true => format!("it could not be migrated: {reason}"),
                false => format!("it could not be migrated at `{path}`: {reason}"),
            },
        }
    }
}

/// Packages whose cells, maps and sets migrate without their serde: see `kt_macros`' *foreign* types.
const MIGRATED_WITHOUT: [&str; 5] = [
    "arc-swap",
    "async-lock",
    "dashmap",
    "once_cell",
    "parking_lot",
];

/// Which features would let a state's value be encoded, as far as third-party types are what keeps it from that.
fn serde_help(state: &StateLayout, packages: &Packages) -> Option<String> {
    let types = &state.layout.as_ref().ok()?.description.types;
    let homes: HashSet<&str> = types.iter().filter_map(|of| of.home.as_deref()).collect();
    let lacking = packages
        .lacking_serde()
        .filter(|package| !MIGRATED_WITHOUT.contains(&&*package.name))
        .filter(|package| homes.contains(&*package.name.replace('-', "_")));
    let names: Vec<String> = lacking
        .map(|package| format!("`{}`", package.name))
        .collect();
    let features = match &names[..] {
        [] => return None,
        [name] => format!("the feature `serde` of {name}"),
        names => format!("the features `serde` of {}", names.join(" and ")),
    };
    Some(format!(
        "help: with {features}, and with serde on your own types in it, it would be migrated"
    ))
}

/// The states that kept their values, to stand in the line of the swap.
pub(super) fn kept(states: &[StateOutcome]) -> Option<String> {
    let kept = states
        .iter()
        .filter(|state| matches!(state.outcome, Outcome::Kept { .. }));
    let names: Vec<&str> = kept.map(|state| name_of(&state.key)).collect();
    match names.len() {
        0 => None,
        all if all <= NAMED => Some(format!("kept {}", names.join(", "))),
        all => Some(format!(
            "kept {} and {} more states",
            names[..NAMED].join(", "),
            all - NAMED
        )),
    }
}

/// A line for each state that did not just keep its value.
pub(super) fn outcomes<'a>(
    terminal: &Terminal,
    states: impl Iterator<Item = &'a StateOutcome>,
    differences: &Differences,
) {
    for StateOutcome { key, outcome } in states {
        let name = name_of(key);
        match outcome {
            Outcome::Created
            | Outcome::Kept {
                initialiser_changed: false,
                ..
            } => {}
            Outcome::Kept {
                initialiser_changed: true,
                ..
            } => terminal.note(format_args!(
                "state `{name}` keeps its value, though its initialiser was edited; `cargo kt state clear {name}` takes the new one"
            )),
            Outcome::Migrated {
                why,
                bytes,
                elapsed_us,
            } => terminal.status(
                "Migrated",
                format_args!(
                    "{name} ({}) in {}: {}",
                    text::bytes(*bytes),
                    text::duration(Duration::from_micros(*elapsed_us)),
                    differences.words(key, why)
                ),
            ),
            Outcome::Carried { bytes } => terminal.status(
                "Carried",
                format_args!("{name} ({}) over to the new worker", text::bytes(*bytes)),
            ),
            Outcome::Reset { why, former } => terminal.warning(format_args!(
                "state `{name}` was reset to its initial value: {}",
                with_former(differences.reset(key, why), *former)
            )),
            Outcome::Removed { size } => terminal.note(format_args!(
                "state `{name}` ({} and what it points at) is gone from the program; its value is set aside until \
                 `cargo kt state drop {name}`",
                text::bytes(*size)
            )),
        }
    }
}

/// The reason of a reset, and what becomes of the former value. A reason may have lines of help.
fn with_former(why: String, former: Option<Former>) -> String {
    let (fate, help) = match former {
        None => return why,
        Some(Former::Dropped) => (
            "its former value is dropped when the calls that use it have ended",
            "",
        ),
        Some(Former::Hook) => (
            "`on_reset` gets its former value when the calls that use it have ended",
            "",
        ),
        Some(Former::Held) => (
            "its former value stays in memory",
            "\nhelp: `#[kt::state(on_reset = function)]` closes what a former value holds open",
        ),
    };
    match why.split_once('\n') {
        Some((why, lines)) => format!("{why}; {fate}\n{lines}{help}"),
        None => format!("{why}; {fate}{help}"),
    }
}

/// Why a generation was refused for a state's sake; none for other refusals.
pub(in crate::command) fn refusal(
    refused: &SwapRefused,
    differences: &Differences,
    keep: bool,
) -> Option<String> {
    match refused {
        SwapRefused::WouldReset(states) => {
            let states: Vec<String> = states
                .iter()
                .map(|(key, why)| {
                    let why = differences.words(key, why);
                    format!("  `{}`: {why}", name_of(key))
                })
                .collect();
            Some(format!(
                "it would reset what `--keep-state` keeps:\n{}\nhelp: with `Serialize` and `Deserialize` on its type a state is \
                 migrated; without `--keep-state` it is reset",
                states.join("\n")
            ))
        }
        SwapRefused::Busy {
            states,
            calls,
            after_ms,
        } => {
            let names: Vec<String> = states
                .iter()
                .map(|key| format!("`{}`", name_of(key)))
                .collect();
            let names = match names.is_empty() {
                true => "the states".to_owned(),
                false => names.join(", "),
            };
            let after = text::duration(Duration::from_millis(*after_ms));
            let who = match calls[..] {
                [] => "a lock was held by work in the background, or nothing moved,".to_owned(),
                _ => format!("{} still ran", functions(calls)),
            };
            Some(format!(
                "{names} could not be migrated: {who} after {after}\nhelp: `--state-timeout` sets how long to wait"
            ))
        }
        SwapRefused::NotMigrated(failed) => Some(not_migrated(failed, keep)),
        _ => None,
    }
}

/// That these states could not be migrated, and what to do: with `keep`, none may be reset.
pub(in crate::command) fn not_migrated(failed: &[NotMigrated], keep: bool) -> String {
    let name = |state: &NotMigrated| format!("`{}`", name_of(&state.key));
    let what = match failed {
        [only] => format!("state {} could not be migrated{}", name(only), cause(only)),
        many => {
            let lines = many.iter();
            let lines = lines.map(|state| format!("\n  {}{}", name(state), cause(state)));
            let lines: String = lines.collect();
            format!("{} states could not be migrated:{lines}", many.len())
        }
    };
    let it = match failed.len() {
        1 => "it",
        _ => "them",
    };
    let reset = match (failed, keep) {
        (_, true) => String::new(),
        ([only], false) => format!("; `--reset-state {}` resets it", name_of(&only.key)),
        _ => "; `--reset-state NAME` resets one of them, `--reset-state all` resets them all"
            .to_owned(),
    };
    format!(
        "{what}\nhelp: `#[serde(default)]`, `#[serde(alias = …)]` and `#[kt::state(migrate = …)]` say what is to become of \
         {it}{reset}"
    )
}

/// `` at `.place`: reason``.
pub(in crate::command) fn cause(failed: &NotMigrated) -> String {
    let NotMigrated { path, reason, .. } = failed;
    match path.is_empty() {
        true => format!(": {reason}"),
        false => format!(" at `{path}`: {reason}"),
    }
}

fn functions(calls: &[String]) -> String {
    let names: Vec<String> = calls.iter().map(|call| format!("`{call}`")).collect();
    names.join(", ")
}
