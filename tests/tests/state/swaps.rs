//! The terminal's report on each state of a swap.

use serde_json::json;
use tests::{Fixture, Project, assert_terminal};

use crate::{assert_output, state, value, worker};

const STATES: &str = "src/states.rs";

#[test]
fn swap_reports_the_outcome_of_each_state() {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    project.run_with("note hello").success();
    project.run_with("visit").success();
    state(&project, ["set", "LIMIT", "11"]).success();
    let process = worker(&project);

    refused_swaps_change_nothing(&project);
    // Kept, although its initializer changes.
    project.edit(STATES, "AtomicU32::new(10)", "AtomicU32::new(20)");
    // Migrated: a new field, another type, a new version, a migration function.
    project.edit(
        STATES,
        "pub price: u32,\n",
        "pub price: u32,\n    #[serde(default)]\n    pub stock: u8,\n",
    );
    project.edit(
        "src/remote.rs",
        "Item { price }",
        "Item { price, stock: 9 }",
    );
    project.edit(
        STATES,
        "VISITS: AtomicU64 = AtomicU64",
        "VISITS: AtomicU32 = AtomicU32",
    );
    project.edit(
        STATES,
        "        atomic::{AtomicU32, AtomicU64},\n",
        "        atomic::AtomicU32,\n",
    );
    project.edit(
        STATES,
        "#[kt::state]\npub static RATE",
        "#[kt::state(version = 2)]\npub static RATE",
    );
    project.edit(
        STATES,
        "#[kt::state]\npub static TOTAL: Mutex<u64> = Mutex::new(1250);",
        "fn euros(cents: u64) -> f64 {\n    cents as f64 / 100.0\n}\n\n\
         #[kt::state(migrate = euros)]\npub static TOTAL: Mutex<f64> = Mutex::new(12.5);",
    );
    // Reset: no serde, and a field's type changes.
    project.edit(STATES, "pub line: u32,", "pub line: u64,");
    // Removed.
    project.edit(
        STATES,
        "\n#[kt::state]\npub static SPARE: Mutex<Option<u8>> = Mutex::new(Some(3));\n",
        "",
    );
    assert_terminal!(
        "every_outcome",
        project,
        project.run_with("visit").success()
    );
    assert_eq!(worker(&project), process);
    assert_eq!(
        value(&project, "ITEMS"),
        json!({"apple": {"price": 3, "stock": 0}})
    );
    assert_eq!(value(&project, "VISITS"), 2);
    assert_eq!(value(&project, "TOTAL"), 12.5);
    assert_eq!(value(&project, "LIMIT"), 11);
    assert_eq!(
        state(&project, ["get", "NOTES"]).success().answer("Mutex"),
        "{"
    );
    assert_output!(
        "ls_after_a_swap",
        project,
        state(&project, ["ls"]).success()
    );

    // A detached state can be read until it is dropped.
    assert_eq!(value(&project, "SPARE"), 3);
    assert_terminal!(
        "drop",
        project,
        state(&project, ["drop", "SPARE"]).success()
    );
    assert_terminal!(
        "get_dropped",
        project,
        state(&project, ["get", "SPARE"]).code(101)
    );
    assert_terminal!(
        "clear_takes_the_initializer",
        project,
        state(&project, ["clear", "LIMIT"]).success()
    );
    assert_eq!(value(&project, "LIMIT"), 20);
}

/// Refused swaps change nothing.
fn refused_swaps_change_nothing(project: &Project) {
    project.edit(STATES, "pub line: u32,", "pub line: u16,");
    let refused = project.kt(["run", "--keep-state", "--", "visit"]).code(101);
    assert_terminal!("keep_state", project, refused);
    project.edit(STATES, "pub line: u16,", "pub line: u32,");

    project.edit(STATES, "pub price: u32,", "pub price: String,");
    project.edit(
        "src/remote.rs",
        "Item { price }",
        "Item { price: price.to_string() }",
    );
    let refused = project.run_with("visit").code(101);
    assert_terminal!("not_migrated", project, refused);
    assert_eq!(value(project, "ITEMS"), json!({"apple": {"price": 3}}));
    project.edit(STATES, "pub price: String,", "pub price: u32,");
    project.edit(
        "src/remote.rs",
        "Item { price: price.to_string() }",
        "Item { price }",
    );
}
