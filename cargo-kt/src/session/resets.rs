//! Which states that cannot be migrated may be reset: those of `--reset-state`, and those for which
//! the person agrees.

use std::collections::BTreeSet;

use kt::wire::{
    control::Swapped,
    manifest::Manifest,
    state::{NotMigrated, Outcome, Resets, StateOptions},
};

use super::{
    ResetError, SessionError,
    report::{name_of, not_migrated},
};
use crate::{
    place::nearest,
    terminal::{Terminal, text},
};

/// Allows every state to be reset.
const ALL: &str = "all";

/// The states of a program that these names allow to reset.
///
/// # Errors
/// If a name matches no state, or several.
pub(super) fn resolve(names: &[String], manifest: &Manifest) -> Result<Resets, ResetError> {
    // `KT_RESET_STATE=` is the same as an unset variable.
    let names: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(Resets::None);
    }
    let states = manifest.crates.iter().flat_map(|krate| &krate.states);
    let keys: Vec<&str> = states.map(|state| &*state.key).collect();
    let named: Result<BTreeSet<&str>, ResetError> = names
        .iter()
        .filter(|name| **name != ALL)
        .map(|name| find(name, &keys))
        .collect();
    let named = named?;
    if names.iter().any(|name| *name == ALL) {
        return Ok(Resets::All);
    }
    Ok(Resets::Of(named.into_iter().map(str::to_owned).collect()))
}

/// The state with this key, or the only one whose path ends so: the rule of `cargo kt state`.
fn find<'a>(name: &str, keys: &[&'a str]) -> Result<&'a str, ResetError> {
    if let Some(key) = keys.iter().find(|key| **key == name) {
        return Ok(key);
    }
    let ends = |key: &&&str| {
        let rest = name_of(key).strip_suffix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    };
    let found: Vec<&str> = keys.iter().filter(ends).copied().collect();
    let name = name.to_owned();
    match found[..] {
        [only] => Ok(only),
        [] => {
            let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
            let others = keys.iter().map(|key| last(name_of(key)));
            let nearest = nearest(&last(&name), others);
            Err(ResetError::Unknown { name, nearest })
        }
        _ => {
            let keys = found.into_iter().map(str::to_owned).collect();
            Err(ResetError::Ambiguous { name, keys })
        }
    }
}

/// Asks whether to reset the states that could not be migrated, and adds them to `options` if so.
/// False if no person can answer.
///
/// # Errors
/// If the person declines.
pub(super) fn agree(
    failed: &[NotMigrated],
    options: &mut StateOptions,
    terminal: &Terminal,
    service: &str,
) -> Result<bool, SessionError> {
    if options.keep || failed.is_empty() || !terminal.can_ask() {
        return Ok(false);
    }
    let question = match failed.len() {
        1 => "Reset this state and continue?".to_owned(),
        many => format!("Reset these {many} states and continue?"),
    };
    terminal.warning(format_args!(
        "{service} rejected the new code: {}",
        not_migrated(failed, options.keep)
    ));
    let answer = terminal
        .confirm(question)
        .map_err(SessionError::io("read the answer"))?;
    match answer {
        None => Ok(false),
        Some(false) => Err(SessionError::Declined {
            service: service.to_owned(),
        }),
        Some(true) => {
            let mut keys = match std::mem::take(&mut options.resets) {
                Resets::Of(keys) => keys,
                Resets::None | Resets::All => Vec::new(),
            };
            keys.extend(failed.iter().map(|state| state.key.clone()));
            options.resets = Resets::Of(keys);
            Ok(true)
        }
    }
}

/// Reports the states that were allowed to be reset but did not need it.
pub(super) fn unneeded(allowed: &Resets, swapped: &Swapped, terminal: &Terminal) {
    let Resets::Of(keys) = allowed else {
        return;
    };
    let needless = |key: &&String| {
        let mut states = swapped.states.iter();
        let state = states.find(|state| state.key == **key);
        // What was not there before holds its initial value anyway.
        let initial =
            |outcome: &Outcome| matches!(outcome, Outcome::Reset { .. } | Outcome::Created);
        !swapped.changed || state.is_some_and(|state| !initial(&state.outcome))
    };
    let names: Vec<&str> = keys
        .iter()
        .filter(needless)
        .map(|key| name_of(key))
        .collect();
    if names.is_empty() {
        return;
    }
    let (verb, them) = match names.len() {
        1 => ("keeps its value: it", "it"),
        _ => ("keep their values: they", "them"),
    };
    terminal.note(format_args!(
        "{} {verb} could be migrated or did not change; `cargo kt state clear` resets {them}",
        text::names(&names),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = [
        "a:a::ITEMS",
        "a:a::cache::ITEMS",
        "a:a::LIMIT",
        "b:b::LIMIT",
    ];

    #[test]
    fn a_name_is_a_key_or_the_end_of_one_path_only() {
        for (name, key) in [
            ("a::ITEMS", "a:a::ITEMS"),
            ("cache::ITEMS", "a:a::cache::ITEMS"),
            ("a:a::LIMIT", "a:a::LIMIT"),
            ("b::LIMIT", "b:b::LIMIT"),
        ] {
            assert_eq!(find(name, &KEYS), Ok(key));
        }
        let keys = vec!["a:a::LIMIT".to_owned(), "b:b::LIMIT".to_owned()];
        let name = "LIMIT".to_owned();
        assert_eq!(
            find("LIMIT", &KEYS),
            Err(ResetError::Ambiguous { name, keys })
        );
        // An end of a word is no end of a path.
        assert!(matches!(
            find("MIT", &KEYS),
            Err(ResetError::Unknown { .. })
        ));
        let Err(ResetError::Unknown { nearest, .. }) = find("LIMTI", &KEYS) else {
            panic!("a name was found that no state has");
        };
        assert_eq!(nearest.as_deref(), Some("LIMIT"));
    }
}
