//! `cargo kt state get`.

use kt::wire::state::{Shown, StateAnswer, StateInfo, StateRequest};

use super::{
    super::error::Deed,
    StateError,
    json::{self, Style},
    layout,
    ls::print,
    names::name_of,
    service::Asked,
};
use crate::command::CommandError;

pub(super) async fn get(asked: &Asked<'_>, name: &str) -> Result<(), CommandError> {
    let request = StateRequest::Get {
        key: name.to_owned(),
    };
    let StateAnswer::Value(shown) = asked.ask(Deed::Get, request).await? else {
        return Err(StateError::Unexpected.into());
    };
    match shown {
        Shown::Encoded(bytes) => {
            let style = match asked.is_json {
                true => Style::Line,
                false => Style::Pretty,
            };
            let text =
                json::from_encoded(bytes, style).map_err(|why| StateError::NotShown { why })?;
            match asked.is_json {
                true => message(asked, name, "json", &text),
                false => print(&(text + "\n"))?,
            }
        }
        Shown::Debug(text) if asked.is_json => message(asked, name, "debug", &quoted(&text)),
        Shown::Debug(text) => print(&(text + "\n"))?,
        Shown::Empty if asked.is_json => message(asked, name, "empty", "null"),
        Shown::Empty => asked.terminal.note(format_args!(
            "state `{name}` has no value yet: nobody has used it"
        )),
        Shown::Opaque => opaque(asked, name).await?,
    }
    Ok(())
}

/// A line for programs. The value is JSON already.
fn message(asked: &Asked<'_>, name: &str, form: &str, value: &str) {
    asked.terminal.raw_json(&format!(
        r#"{{"reason":"kt-state-value","name":{},"form":"{form}","value":{value}}}"#,
        quoted(name)
    ));
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Neither serde nor Debug: what can be told is how the type is laid out.
async fn opaque(asked: &Asked<'_>, name: &str) -> Result<(), CommandError> {
    let StateAnswer::List(states) = asked.ask(Deed::Get, StateRequest::List).await? else {
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
    let text = layout::of(asked.connected, state);
    if asked.is_json {
        message(asked, name, "layout", &quoted(&text));
        return Ok(());
    }
    asked.terminal.note(format_args!(
        "state `{}` has neither serde nor Debug: this is its type",
        name_of(&state.key)
    ));
    print(&text)
}
