//! `cargo kt state clear`, `reset` and `drop`.

use kt::wire::state::StateRequest;

use super::{names, service::StateClient};
use crate::command::CommandError;
use crate::command::error::{Operation, StateError};

pub(super) async fn clear(client: &StateClient<'_>, names: &[String]) -> Result<(), CommandError> {
    let keys = names.to_vec();
    let keys = client
        .apply(Operation::Clear, StateRequest::Clear { keys })
        .await?;
    report(client, "Cleared", "clear", &keys);
    Ok(())
}

pub(super) async fn reset(client: &StateClient<'_>, yes: bool) -> Result<(), CommandError> {
    let service = &client.connected.service;
    if !yes {
        let question = format!("Clear all states of {service}?");
        let answer = client.terminal.confirm(question);
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
    let keys = client.apply(Operation::Clear, all).await?;
    if keys.is_empty() {
        client
            .terminal
            .note(format_args!("{service} has no states"));
    }
    report(client, "Cleared", "clear", &keys);
    Ok(())
}

pub(super) async fn drop(client: &StateClient<'_>, names: &[String]) -> Result<(), CommandError> {
    let keys = names.to_vec();
    let keys = client
        .apply(Operation::Drop, StateRequest::Drop { keys })
        .await?;
    if keys.is_empty() {
        client.terminal.note("no detached values");
    }
    report(client, "Dropped", "drop", &keys);
    Ok(())
}

fn report(client: &StateClient<'_>, verb: &str, operation: &str, keys: &[String]) {
    if !keys.is_empty() {
        client.terminal.status(verb, names::listed(keys));
    }
    let message = serde_json::json!({"operation": operation, "states": keys});
    client.terminal.json("kt-state-done", &message);
}
