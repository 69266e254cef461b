//! `cargo kt state get`.

use kt::wire::state::{Shown, StateAnswer, StateInfo, StateRequest};

use super::{
    super::error::Operation,
    StateError,
    json::{self, Style},
    layout,
    ls::print,
    names::name_of,
    service::StateClient,
};
use crate::command::CommandError;

pub(super) async fn get(client: &StateClient<'_>, name: &str) -> Result<(), CommandError> {
    let request = StateRequest::Get {
        key: name.to_owned(),
    };
    let StateAnswer::Value(shown) = client.ask(Operation::Get, request).await? else {
        return Err(StateError::Unexpected.into());
    };
    match shown {
        Shown::Encoded(bytes) => {
            let style = match client.is_json {
                true => Style::Line,
                false => Style::Pretty,
            };
            let text =
                json::from_encoded(bytes, style).map_err(|why| StateError::NotShown { why })?;
            match client.is_json {
                true => message(client, name, "json", &text),
                false => print(&(text + "\n"))?,
            }
        }
        Shown::Debug(text) if client.is_json => message(client, name, "debug", &quoted(&text)),
        Shown::Debug(text) => print(&(text + "\n"))?,
        Shown::Empty if client.is_json => message(client, name, "empty", "null"),
        Shown::Empty => client.terminal.note(format_args!(
            "state `{name}` has no value yet: it has not been used"
        )),
        Shown::Opaque => opaque(client, name).await?,
    }
    Ok(())
}

/// Prints a JSON message. The value is JSON already.
fn message(client: &StateClient<'_>, name: &str, form: &str, value: &str) {
    client.terminal.raw_json(&format!(
        r#"{{"reason":"kt-state-value","name":{},"form":"{form}","value":{value}}}"#,
        quoted(name)
    ));
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Prints the layout of a type that has neither serde nor Debug.
async fn opaque(client: &StateClient<'_>, name: &str) -> Result<(), CommandError> {
    let StateAnswer::List(states) = client.ask(Operation::Get, StateRequest::List).await? else {
        return Err(StateError::Unexpected.into());
    };
    let ends = |state: &&StateInfo| {
        let path = name_of(&state.key);
        state.key == name
            || path
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    };
    let Some(state) = states.iter().find(ends) else {
        return Err(StateError::Unexpected.into());
    };
    let text = layout::of(client.connected, state);
    if client.is_json {
        message(client, name, "layout", &quoted(&text));
        return Ok(());
    }
    client.terminal.note(format_args!(
        "state `{}` has neither serde nor Debug; showing the layout of its type",
        name_of(&state.key)
    ));
    print(&text)
}
