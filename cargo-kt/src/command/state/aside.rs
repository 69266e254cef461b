//! `cargo kt state clear`, `reset` and `drop`: values that nobody wants any more.

use kt::wire::state::StateRequest;

use super::{names, service::Asked};
use crate::command::CommandError;
use crate::command::error::{Deed, StateError};

pub(super) async fn clear(asked: &Asked<'_>, names: &[String]) -> Result<(), CommandError> {
    let keys = names.to_vec();
    let keys = asked
        .order(Deed::Clear, StateRequest::Clear { keys })
        .await?;
    told(asked, "Cleared", "clear", &keys);
    Ok(())
}

pub(super) async fn reset(asked: &Asked<'_>, yes: bool) -> Result<(), CommandError> {
    let service = &asked.connected.service;
    if !yes {
        let question = format!("Clear all states of {service}?");
        let answer = asked.terminal.confirm(question);
        match answer.map_err(|source| StateError::Stdin { source })? {
            Some(true) => {}
            Some(false) => return Err(StateError::Declined.into()),
            None => {
                let service = service.clone();
                return Err(StateError::NotAsked { service }.into());
            }
        }
    }
    let all = StateRequest::Clear { keys: Vec::new() };
    let keys = asked.order(Deed::Clear, all).await?;
    if keys.is_empty() {
        asked.terminal.note(format_args!("{service} has no states"));
    }
    told(asked, "Cleared", "clear", &keys);
    Ok(())
}

pub(super) async fn drop(asked: &Asked<'_>, names: &[String]) -> Result<(), CommandError> {
    let keys = names.to_vec();
    let keys = asked.order(Deed::Drop, StateRequest::Drop { keys }).await?;
    if keys.is_empty() {
        asked.terminal.note("nothing is set aside");
    }
    told(asked, "Dropped", "drop", &keys);
    Ok(())
}

fn told(asked: &Asked<'_>, verb: &str, deed: &str, keys: &[String]) {
    if !keys.is_empty() {
        asked.terminal.status(verb, names::listed(keys));
    }
    let message = serde_json::json!({"deed": deed, "states": keys});
    asked.terminal.json("kt-state-done", &message);
}
