//! Before a worker is replaced: which of its states go over to the new one, and which are lost, if the person agrees.

use std::collections::HashSet;

use kt::wire::{
    control::path,
    manifest::Manifest,
    state::{StateAnswer, StateRefused, StateRequest},
};

use super::{
    CommandError,
    report::{self, name_of},
    run::ServiceArgs,
    watch::watched,
};
use crate::{link::BaseChange, place::Connected, place::PlaceError, terminal::Terminal};

/// What the present worker holds.
#[derive(Debug, Default)]
struct Held {
    /// Keys of states that are carried over.
    carried: Vec<String>,
    /// Keys of those that are not, each with why.
    lost: Vec<(String, &'static str)>,
}

/// Says what a new worker costs, and asks whether that is wanted if a person can answer. Gives the keys of states that will be
/// lost.
///
/// # Errors
/// If it is not wanted.
pub(super) async fn agree(
    connected: &Connected,
    terminal: &Terminal,
    (change, manifest): (&BaseChange, &Manifest),
    args: &ServiceArgs,
) -> Result<Vec<String>, CommandError> {
    let service = &connected.service;
    let why = report::reason(connected, change, manifest);
    let held = held(connected, terminal, manifest).await?;
    let message = serde_json::json!({
        "service": service,
        "why": why,
        "carried": held.carried,
        "lost": held.lost.iter().map(|(key, _)| key).collect::<Vec<_>>(),
    });
    terminal.json("kt-replacing", &message);
    let text = format!("{service} needs a new worker: {why}");
    let lost: String = held
        .lost
        .iter()
        .map(|(key, why)| format!("\n  `{}` will be lost: {why}", name_of(key)))
        .collect();
    match lost.is_empty() {
        true => terminal.note(text),
        false => terminal.warning(text + &lost),
    }
    if !held.carried.is_empty() {
        let names: Vec<&str> = held.carried.iter().map(|key| name_of(key)).collect();
        terminal.note(format_args!("carried over to it: {}", names.join(", ")));
    }
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    if args.keeps_state() {
        return Err(CommandError::States {
            service: service.clone(),
            why: "it would lose what `--keep-state` keeps\nhelp: with `Serialize` and `Deserialize` on its type a state is carried \
                  over; without `--keep-state` it is lost"
                .to_owned(),
        });
    }
    if !args.yes {
        let answer = terminal.confirm("Go on and lose it?");
        let answer = answer.map_err(|source| CommandError::Io {
            what: "read the answer".into(),
            source,
        })?;
        // Scripts go on: nobody is there to answer, and they asked for the new code.
        if answer == Some(false) {
            let service = service.clone();
            return Err(CommandError::Declined { service });
        }
    }
    Ok(held.lost.into_iter().map(|(key, _)| key).collect())
}

async fn held(
    connected: &Connected,
    terminal: &Terminal,
    manifest: &Manifest,
) -> Result<Held, CommandError> {
    let asking = connected.client.ask(path::STATE, &StateRequest::List);
    let asking = connected.fail_if_unresponsive(watched(connected, terminal, "Measuring", asking));
    let answer: Result<StateAnswer, StateRefused> =
        asking.await?.map_err(|source| PlaceError::Request {
            service: connected.service.clone(),
            source,
        })?;
    // A worker that died just now holds nothing; the swap tells of its death.
    let Ok(StateAnswer::List(states)) = answer else {
        return Ok(Held::default());
    };
    let new = manifest.crates.iter().flat_map(|krate| &krate.states);
    let new: HashSet<&str> = new.map(|state| &*state.key).collect();
    let mut held = Held::default();
    for state in states {
        let why = match (state.declared, new.contains(&*state.key), state.serde) {
            (true, true, true) => {
                held.carried.push(state.key);
                continue;
            }
            (true, true, false) => "its type has no serde to be carried over with",
            (true, false, _) => "it is gone from the program",
            (false, ..) => "it was set aside",
        };
        held.lost.push((state.key, why));
    }
    Ok(held)
}
