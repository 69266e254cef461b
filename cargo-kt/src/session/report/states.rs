//! The outcome of each state at a swap, and refusals that have a state as their cause.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use camino::Utf8Path;
use kt::wire::{
    control::SwapRefused,
    manifest::Manifest,
    state::{Changed, Former, NotMigrated, Outcome, StateOutcome},
};

use super::name_of;
use crate::{
    layout::{self, Difference, StateLayout},
    plan::Packages,
    terminal::{Terminal, text},
};

/// How many states are named in one line.
const NAMED: usize = 4;

/// How the layouts of states differ between the serving and the new generation, by key: "field `x`
/// of `Item`: `u64` → `u32`".
#[derive(Debug, Default)]
pub(in crate::session) struct Differences {
    layouts: HashMap<String, String>,
    /// A `help:` line that makes a state's type serializable.
    serde: HashMap<String, String>,
}

impl Differences {
    /// Of the states that both generations have.
    pub(in crate::session) fn between(
        kt_dir: &Utf8Path,
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
            let text = match layout::difference(kt_dir, was, now)? {
                Difference::Seen(difference) => difference,
                Difference::Erased { what, cause } => {
                    let cause = cause.unwrap_or_else(|| "crates were recompiled".to_owned());
                    format!(
                        "{cause}, and it holds {what}, whose value may have a changed type\n\
                         help: if no type of the workspace is in it, use `#[kt::state(keep)]` to keep it"
                    )
                }
            };
            Some((state.key.clone(), text))
        };
        Self {
            layouts: new.iter().filter_map(difference).collect(),
            serde: new
                .iter()
                .filter_map(|state| Some((state.key.clone(), serde_help(state, packages)?)))
                .collect(),
        }
    }

    /// Why a state was reset, and how to avoid it.
    fn reset(&self, key: &str, why: &Changed) -> String {
        let reason = self.reason(key, why);
        match (why, self.serde.get(key)) {
            // It is serializable.
            (Changed::NotMigrated { .. }, _) | (_, None) => reason,
            (_, Some(help)) => format!("{reason}\n{help}"),
        }
    }

    fn reason(&self, key: &str, why: &Changed) -> String {
        let layout = |fallback: String| self.layouts.get(key).cloned().unwrap_or(fallback);
        match why {
            Changed::Type { from, to } => format!("its type changed from `{from}` to `{to}`"),
            Changed::Size { name, from, to } => {
                layout(format!("`{name}` changed from {from} to {to} bytes"))
            }
            Changed::Layout { name } => layout(format!("the layout of `{name}` changed")),
            Changed::Unknown { name } => {
                format!("the layout of `{name}` could not be compared; `-v` shows why")
            }
            Changed::Version { from, to } => format!("version {from} → {to}"),
            Changed::NewWorker { .. } => {
                "its type does not implement `Serialize` and `Deserialize`, and the worker is a new one".to_owned()
            }
            Changed::NotMigrated { path, reason } => match path.is_empty() {
                true => format!("it could not be migrated: {reason}"),
                false => format!("it could not be migrated at `{path}`: {reason}"),
            },
        }
    }
}

/// Packages whose cells, maps and sets migrate without their serde: see `kt_macros`' *foreign*
/// types.
const MIGRATED_WITHOUT: [&str; 5] = [
    "arc-swap",
    "async-lock",
    "dashmap",
    "once_cell",
    "parking_lot",
];

/// Features of third-party crates that make a state's value serializable.
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
        "help: enable {features} and derive serde's traits for your own types in it to migrate it"
    ))
}

/// The states that kept their values, for the line of the swap.
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

/// A line for each state whose value did not simply stay.
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
                initializer_changed: false,
                ..
            } => {}
            Outcome::Kept {
                initializer_changed: true,
                ..
            } => terminal.note(format_args!(
                "state `{name}` kept its value although its initializer changed; run `cargo kt state clear {name}` to re-initialize it"
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
                    differences.reason(key, why)
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
                "state `{name}` ({} and what it points at) is no longer defined in the program and was detached; run \
                 `cargo kt state drop {name}` to free it",
                text::bytes(*size)
            )),
        }
    }
}

/// The reason for a reset, and what happens to the former value. A reason may have `help:` lines.
fn with_former(why: String, former: Option<Former>) -> String {
    let (former, help) = match former {
        None => return why,
        Some(Former::Dropped) => (
            "its former value is dropped when no call uses it any more",
            "",
        ),
        Some(Former::Hook) => (
            "`on_reset` gets its former value when no call uses it any more",
            "",
        ),
        Some(Former::Held) => (
            "its former value stays in memory",
            "\nhelp: close what it holds open with `#[kt::state(on_reset = function)]`",
        ),
    };
    match why.split_once('\n') {
        Some((why, lines)) => format!("{why}; {former}\n{lines}{help}"),
        None => format!("{why}; {former}{help}"),
    }
}

/// Why a generation was refused because of a state; `None` for other refusals.
pub(in crate::session) fn refusal(
    refused: &SwapRefused,
    differences: &Differences,
    keep: bool,
) -> Option<String> {
    match refused {
        SwapRefused::WouldReset(states) => {
            let states: Vec<String> = states
                .iter()
                .map(|(key, why)| {
                    let why = differences.reason(key, why);
                    format!("  `{}`: {why}", name_of(key))
                })
                .collect();
            Some(format!(
                "it would reset states that `--keep-state` protects:\n{}\nhelp: derive `Serialize` and `Deserialize` for a type to \
                 migrate it, or remove `--keep-state` to reset it",
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
                [] => "a background task held a lock, or nothing progressed,".to_owned(),
                _ => format!("{} still ran", functions(calls)),
            };
            Some(format!(
                "{names} could not be migrated: {who} after {after}\nhelp: increase `--state-timeout`"
            ))
        }
        SwapRefused::NotMigrated(failed) => Some(not_migrated(failed, keep)),
        _ => None,
    }
}

/// Which states could not be migrated, and what to do. With `keep`, none may be reset.
pub(in crate::session) fn not_migrated(failed: &[NotMigrated], keep: bool) -> String {
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
        ([only], false) => format!(", or reset it with `--reset-state {}`", name_of(&only.key)),
        _ => ", or reset one with `--reset-state NAME`, all with `--reset-state all`".to_owned(),
    };
    format!(
        "{what}\nhelp: migrate {it} with `#[serde(default)]`, `#[serde(alias = …)]` or `#[kt::state(migrate = …)]`{reset}"
    )
}

/// `` at `.place`: reason``.
pub(crate) fn cause(failed: &NotMigrated) -> String {
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
