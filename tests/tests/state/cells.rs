//! Cells of other crates, which kt-runtime does not know.

use tests::{Fixture, Output, Project};

use crate::value;

const MAIN: &str = "src/main.rs";
const STATES: [&str; 15] = [
    "ALIAS",
    "ASYNC",
    "EMPTIED",
    "FAIR",
    "LAZY",
    "MAP",
    "MUTEX",
    "ONCE",
    "OPTION",
    "READ",
    "REENTRANT",
    "SET",
    "SHARED",
    "SWAP",
    "UNSET",
];

/// The states of which the swap says this.
fn with_outcome(output: &Output, wanted: &str) -> Vec<String> {
    let messages: Vec<serde_json::Value> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("a message is JSON"))
        .collect();
    let swapped = messages
        .iter()
        .find(|message| message["reason"] == "kt-swapped");
    let swapped = swapped.unwrap_or_else(|| panic!("no swap in {output:?}"));
    let states = swapped["states"].as_array().expect("a swap lists states");
    let names = states
        .iter()
        .filter(|state| state["outcome"].get(wanted).is_some())
        .filter_map(|state| state["key"].as_str()?.rsplit("::").next());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn values_in_cells_of_other_crates_migrate() {
    let project = Project::of(Fixture::CELLS);
    let filled = "[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14] (true, true)";
    assert_eq!(project.run_with("fill").success().answer("held "), filled);
    assert_eq!(value(&project, "MUTEX")["number"], 1);
    assert_eq!(value(&project, "MAP")["twelve"]["number"], 12);

    project.edit(
        MAIN,
        "    pub number: u32,\n",
        "    #[serde(default)]\n    pub name: String,\n    pub number: u32,\n",
    );
    project.edit(
        MAIN,
        "Item { number }",
        "Item { name: String::new(), number }",
    );
    let output = project.kt(["run", "--message-format", "json"]).success();
    assert_eq!(with_outcome(&output, "Migrated"), STATES);
    assert_eq!(output.answer("held "), filled);
    assert_eq!(with_outcome(&output, "Reset"), ["ORDERED"]);
    let help = "help: enable the feature `serde` of `indexmap` and derive serde's traits for your own types in it to migrate it";
    assert!(output.stderr.contains(help), "{output:?}");
}
