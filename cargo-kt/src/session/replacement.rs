//! Before a worker is replaced: which of its states the new one gets, and which are lost if the
//! person agrees.

use std::collections::HashSet;

use kt::wire::{
    control::path,
    manifest::Manifest,
    state::{StateAnswer, StateRefused, StateRequest},
};

use super::{
    SessionError,
    link::Code,
    report::{self, name_of},
    request::StateChoices,
    watch::watched,
};
use crate::{place::Connected, place::PlaceError, terminal::Terminal};

/// The states of the present worker.
#[derive(Debug, Default)]
struct StatesAtRisk {
    /// Keys of states that are carried over.
    carried: Vec<String>,
    /// Keys of states that are lost, each with the reason.
    lost: Vec<(String, &'static str)>,
}

/// Checks whether the new code needs a new worker. If so, reports what that costs, and asks whether
/// to continue if states would be lost. Returns the keys of these states.
///
/// # Errors
/// If the person declines, or `--keep-state` forbids it.
pub(super) async fn agree(
    connected: &Connected,
    terminal: &Terminal,
    code: &Code,
    choices: &StateChoices<'_>,
) -> Result<Vec<String>, SessionError> {
    let manifest = &code.manifest;
    let current = connected.status.current.as_ref();
    let replaces = connected.status.worker.is_some()
        && current.is_some_and(|(_, current)| !manifest.same_worker(current));
    if !replaces {
        return Ok(Vec::new());
    }
    let change = &code.linked.base_change;
    let service = &connected.service;
    let why = report::reason(connected, change, manifest);
    let states = states_at_risk(connected, terminal, manifest).await?;
    let message = serde_json::json!({
        "service": service,
        "why": why,
        "carried": states.carried,
        "lost": states.lost.iter().map(|(key, _)| key).collect::<Vec<_>>(),
    });
    terminal.json("kt-replacing", &message);
    let text = format!("{service} needs a new worker: {why}");
    let lost: String = states
        .lost
        .iter()
        .map(|(key, why)| format!("\n  `{}` will be lost: {why}", name_of(key)))
        .collect();
    match lost.is_empty() {
        true => terminal.note(text),
        false => terminal.warning(text + &lost),
    }
    if !states.carried.is_empty() {
        let names: Vec<&str> = states.carried.iter().map(|key| name_of(key)).collect();
        terminal.note(format_args!("carried over to it: {}", names.join(", ")));
    }
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    if choices.keep {
        return Err(SessionError::States {
            service: service.clone(),
            why: "it would lose a state that `--keep-state` protects\nhelp: derive `Serialize` and `Deserialize` for its type to \
                  carry it over, or remove `--keep-state` to lose it"
                .to_owned(),
        });
    }
    if !choices.yes {
        let answer = terminal.confirm("Continue and discard this state?");
        let answer = answer.map_err(SessionError::io("read the answer"))?;
        // Without a person to answer, as in a script, the new code has priority.
        if answer == Some(false) {
            let service = service.clone();
            return Err(SessionError::Declined { service });
        }
    }
    Ok(states.lost.into_iter().map(|(key, _)| key).collect())
}

async fn states_at_risk(
    connected: &Connected,
    terminal: &Terminal,
    manifest: &Manifest,
) -> Result<StatesAtRisk, SessionError> {
    let asking = connected.client.ask(path::STATE, &StateRequest::List);
    let asking = connected.fail_if_unresponsive(watched(connected, terminal, "Measuring", asking));
    let answer: Result<StateAnswer, StateRefused> =
        asking.await?.map_err(|source| PlaceError::Request {
            service: connected.service.clone(),
            source,
        })?;
    // A worker that just died holds no state. The swap reports its death.
    let Ok(StateAnswer::List(states)) = answer else {
        return Ok(StatesAtRisk::default());
    };
    let new = manifest.crates.iter().flat_map(|krate| &krate.states);
    let new: HashSet<&str> = new.map(|state| &*state.key).collect();
    let mut at_risk = StatesAtRisk::default();
    for state in states {
        let why = match (state.declared, new.contains(&*state.key), state.serde) {
            (true, true, true) => {
                at_risk.carried.push(state.key);
                continue;
            }
            (true, true, false) => "its type does not implement `Serialize` and `Deserialize`",
            (true, false, _) => "it is no longer defined in the program",
            (false, ..) => "it is detached",
        };
        at_risk.lost.push((state.key, why));
    }
    Ok(at_risk)
}
