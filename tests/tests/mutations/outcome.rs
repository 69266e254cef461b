//! Each state's outcome in a swap, and the totals.

use std::{collections::BTreeMap, fs, path::Path};

use tests::Output;

use crate::case::Expected;

/// The outcome for one state.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub kind: Expected,
    /// As in the swap message.
    #[expect(dead_code, reason = "shown in failure messages")]
    pub message: serde_json::Value,
}

/// The outcomes of all states of a swap, by module.
pub struct Outcomes(BTreeMap<String, Outcome>);

impl Outcomes {
    /// The outcomes of this command's swap.
    #[track_caller]
    pub fn of(output: &Output) -> Self {
        let messages = output.json();
        let swapped = messages
            .iter()
            .find(|message| message["reason"] == "kt-swapped");
        let swapped = swapped.unwrap_or_else(|| panic!("no swap in {output:?}"));
        let states = swapped["states"]
            .as_array()
            .expect("a swap lists the states");
        let outcome = |state: &serde_json::Value| {
            let module = state["key"].as_str()?.rsplit("::").nth(1)?.to_owned();
            let message = state["outcome"].clone();
            let kind = ["Kept", "Migrated", "Reset"]
                .into_iter()
                .zip([Expected::Kept, Expected::Migrated, Expected::Reset])
                .find(|(name, _)| message.get(name).is_some())?
                .1;
            Some((module, Outcome { kind, message }))
        };
        Self(states.iter().filter_map(outcome).collect())
    }

    pub fn get(&self, module: &str) -> Option<&Outcome> {
        self.0.get(module)
    }
}

/// The number of states with each outcome.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Expected, usize>,
    misreads: usize,
}

impl Tally {
    pub fn count(&mut self, kind: Option<Expected>, misreads: usize) {
        *self
            .counts
            .entry(kind.unwrap_or(Expected::Survives))
            .or_default() += 1;
        self.misreads += misreads;
    }

    /// Prints them, and writes them to the target directory.
    pub fn report(&self, profile: &str) {
        let count = |kind| self.counts.get(&kind).copied().unwrap_or_default();
        let all: usize = self.counts.values().sum();
        let table = format!(
            "| profile | mutations | kept | migrated | reset | refused | misread |\n|---|---:|---:|---:|---:|---:|---:|\n\
             | {profile} | {all} | {} | {} | {} | {} | {} |\n",
            count(Expected::Kept),
            count(Expected::Migrated),
            count(Expected::Reset),
            count(Expected::Refused),
            self.misreads,
        );
        println!("{table}");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .with_file_name(format!("mutations-{profile}.md"));
        fs::write(&file, &table).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(all >= 200, "only {all} mutations");
        assert_eq!(self.misreads, 0);
    }
}
