//! `cargo kt state ls`.

use std::io::{self, Write};

use kt::wire::state::{Changed, FormerInfo, Outcome, StateAnswer, StateInfo, StateRequest};

use super::{
    super::error::Operation,
    StateError,
    names::{self, name_of},
    service::StateClient,
};
use crate::{
    command::CommandError,
    terminal::text::{bytes, table},
};

const HEADER: [&str; 5] = ["NAME", "TYPE", "SIZE", "GENERATION", "LAST SWAP"];
const FORMER_HEADER: [&str; 5] = ["NAME", "TYPE", "SIZE", "GENERATION", "HELD BECAUSE"];
/// Maximum length of a type name, in characters.
const MAX_TYPE: usize = 60;

pub(super) async fn ls(client: &StateClient<'_>) -> Result<(), CommandError> {
    let StateAnswer::List(states) = client.ask(Operation::List, StateRequest::List).await? else {
        return Err(StateError::Unexpected.into());
    };
    let former = client.ask(Operation::List, StateRequest::Former).await?;
    let StateAnswer::Former(former) = former else {
        return Err(StateError::Unexpected.into());
    };
    if client.is_json {
        states
            .iter()
            .for_each(|state| client.terminal.json("kt-state", state));
        former
            .iter()
            .for_each(|former| client.terminal.json("kt-state-former", former));
        return Ok(());
    }
    let mut text = match states.is_empty() {
        true => "no states; declare one with `#[kt::state]` on a static\n".to_owned(),
        false => rows(&states),
    };
    if !former.is_empty() {
        text += &format!(
            "\nFormer values, reset by a swap and still in memory; `cargo kt state drop NAME` tries to drop them:\n{}",
            former_rows(&former)
        );
    }
    print(&text)
}

/// Prints to stdout.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader closed the pipe.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Io {
            what: "print the answer".into(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// A table with a line per state.
pub(in crate::command) fn rows(states: &[StateInfo]) -> String {
    let keys: Vec<&str> = states.iter().map(|state| &*state.key).collect();
    let names = names::shortest(&keys);
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(states.iter().zip(names).map(|(state, name)| {
        [
            name,
            shortened(&state.type_tokens),
            size(state),
            state.generation.to_string(),
            match state.keep {
                true => format!("{}, forced by `keep`", outcome(state)),
                false => outcome(state),
            },
        ]
    }));
    table(&rows)
}

fn former_rows(former: &[FormerInfo]) -> String {
    let mut rows = vec![FORMER_HEADER.map(str::to_owned)];
    rows.extend(former.iter().map(|former| {
        [
            name_of(&former.key).to_owned(),
            shortened(&former.type_tokens),
            bytes(former.size),
            former.generation.to_string(),
            former.held.to_string(),
        ]
    }));
    table(&rows)
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(MAX_TYPE) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The size of the type, and the encoded size of the value if known.
fn size(state: &StateInfo) -> String {
    let own = bytes(state.size);
    match state.encoded {
        Some(encoded) => format!("{own}, ~{}", bytes(encoded)),
        None => own,
    }
}

fn outcome(state: &StateInfo) -> String {
    if !state.declared {
        return "detached".to_owned();
    }
    match &state.outcome {
        Outcome::Created => "created".to_owned(),
        Outcome::Kept {
            initializer_changed: false,
            ..
        } => "kept".to_owned(),
        Outcome::Kept {
            initializer_changed: true,
            ..
        } => "kept, initializer changed".to_owned(),
        Outcome::Migrated {
            why, bytes: moved, ..
        } => {
            format!("migrated {}, {}", bytes(*moved), changed(why))
        }
        Outcome::Carried { .. } => "carried over".to_owned(),
        Outcome::Reset { why, .. } => format!("reset, {}", changed(why)),
        Outcome::Removed { .. } => "removed".to_owned(),
    }
}

fn changed(why: &Changed) -> &'static str {
    match why {
        Changed::Type { .. } => "type changed",
        Changed::Size { .. } => "size changed",
        Changed::Layout { .. } => "layout changed",
        Changed::Unknown { .. } => "unknown layout",
        Changed::Version { .. } => "version changed",
        Changed::NewWorker { .. } => "new worker",
        Changed::NotMigrated { .. } => "not migrated",
    }
}

#[cfg(test)]
mod tests {
    use kt::wire::Generation;

    use super::*;

    #[test]
    fn a_table_has_a_line_per_state() {
        let state = |key: &str, encoded, outcome, declared| StateInfo {
            key: key.into(),
            type_tokens: "Mutex<Index>".into(),
            file: "src/main.rs".into(),
            line: 1,
            size: 32,
            encoded,
            generation: Generation(2),
            outcome,
            declared,
            serde: encoded.is_some(),
            keep: key.ends_with("POOL"),
        };
        let states = [
            state("app:app::INDEX", Some(12_000_000), Outcome::Created, true),
            state("app:app::POOL", None, Outcome::Created, true),
            state("app:app::OLD", None, Outcome::Removed { size: 32 }, false),
        ];
        assert_eq!(
            rows(&states),
            "\
NAME        TYPE          SIZE            GENERATION  LAST SWAP
app::INDEX  Mutex<Index>  32 B, ~12.0 MB  2           created
app::POOL   Mutex<Index>  32 B            2           created, forced by `keep`
app::OLD    Mutex<Index>  32 B            2           detached
"
        );
        assert_eq!(shortened(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
