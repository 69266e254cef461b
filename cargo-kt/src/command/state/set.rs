//! `cargo kt state set`.

use std::io::Read;

use kt::wire::{
    limits,
    state::{StateRefused, StateRequest},
};

use super::{json, names, service::StateClient};
use crate::command::CommandError;
use crate::command::error::{Operation, StateError};

/// Maximum bytes of a value's encoding: it is sent in one message, together with its state's name.
const LIMIT: usize = limits::CONTROL - (64 << 10);

pub(super) async fn set(
    client: &StateClient<'_>,
    name: &str,
    value: &str,
) -> Result<(), CommandError> {
    let mut text = String::new();
    let value = match value {
        "-" => {
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|source| StateError::Stdin { source })?;
            &text
        }
        value => value,
    };
    let value = json::to_encoded(value).map_err(|source| StateError::NotJson { source })?;
    if value.len() > LIMIT {
        let limit = LIMIT as u64;
        return Err(client
            .refused(Operation::Set, StateRefused::TooLarge { limit })
            .into());
    }
    let request = StateRequest::Set {
        key: name.to_owned(),
        value,
    };
    let keys = client.apply(Operation::Set, request).await?;
    client.terminal.status("Set", names::listed(&keys));
    let message = serde_json::json!({"operation": "set", "states": keys});
    client.terminal.json("kt-state-done", &message);
    Ok(())
}
