//! Each state's outcome at each edit.

use std::collections::BTreeMap;

use tests::Output;

/// One edit, and what it did to each state.
pub struct Row {
    pub edit: &'static str,
    /// By the state's name.
    pub outcomes: BTreeMap<String, String>,
}

impl Row {
    /// The outcome of the state with this name; "kept" if the swap did not touch it.
    pub fn outcome(&self, state: &str) -> &str {
        self.outcomes.get(state).map_or("kept", |outcome| outcome)
    }
}

/// Each state's outcome, from the swap message of this run.
#[track_caller]
pub fn outcomes(output: &Output) -> BTreeMap<String, String> {
    let lines = output.stdout.lines().filter(|line| line.starts_with('{'));
    let mut messages = lines.map(|line| serde_json::from_str(line).expect("a message is JSON"));
    let swapped = messages.find(|message: &serde_json::Value| message["reason"] == "kt-swapped");
    let swapped = swapped.unwrap_or_else(|| panic!("no swap in {output:?}"));
    let states = swapped["states"].as_array().expect("a swap lists states");
    let outcome = |state: &serde_json::Value| {
        let name = state["key"].as_str()?.rsplit("::").next()?.to_owned();
        let outcome = match &state["outcome"] {
            serde_json::Value::String(outcome) => outcome.clone(),
            outcome => outcome.as_object()?.keys().next()?.clone(),
        };
        Some((name, outcome.to_lowercase()))
    };
    states.iter().filter_map(outcome).collect()
}

/// A line for each edit, a column for each state.
pub fn render(rows: &[Row]) -> String {
    let states: Vec<&str> = rows[0].outcomes.keys().map(String::as_str).collect();
    let width = rows
        .iter()
        .map(|row| row.edit.len())
        .max()
        .unwrap_or_default();
    let mut text = format!("{:width$}", "");
    for state in &states {
        text += &format!(" {state:>8}");
    }
    for row in rows {
        text += &format!("\n{:width$}", row.edit);
        for state in &states {
            let wide = state.len().max(8);
            text += &format!(" {:>wide$}", row.outcome(state));
        }
    }
    text
}
