//! A workspace over third-party crates (tensors, an ECS, a database pool, a web server and its
//! client, caches, registries), edited as its author would. After each edit the answers equal those
//! of plain `cargo run`; a snapshot has each state's outcome.

mod edits;
mod table;

use serde_json::Value;
use tests::{Fixture, Output, Project};

use edits::{EDITS, Edit};
use table::{Row, outcomes};

/// The JSON that the program prints after this label.
fn printed(output: &Output, word: &str) -> Value {
    serde_json::from_str(output.answer(word)).expect("the program prints JSON")
}

/// How often each countable state was used since its creation.
fn counts(held: &Value) -> [(&'static str, u64); 3] {
    let count = |value: &Value| value.as_u64().expect("it is a count");
    [
        ("MODEL", count(&held["models"][1][1])),
        ("WORLD", count(&held["world"])),
        ("SHELF", count(&held["shapes"])),
    ]
}

/// How much one run adds to each of these counts.
const GAINS: [(&str, u64); 3] = [("MODEL", 1), ("WORLD", 1), ("SHELF", 2)];

#[test]
fn edits_over_real_crates_answer_as_cargo_run_and_keep_states() {
    let project = Project::of(Fixture::CRATES);
    let run = || project.kt(["run", "--message-format", "json"]).success();
    let as_cargo_does = |what: &str, kt: &Output| {
        let cargo = project.plain_cargo(["run", "--quiet"]).success();
        assert_eq!(
            printed(kt, "answers "),
            printed(&cargo, "answers "),
            "after {what}"
        );
    };
    let first = run();
    as_cargo_does("the first run", &first);
    let mut before = counts(&printed(&first, "held "));
    assert_eq!(before, GAINS);

    let mut rows = Vec::new();
    for Edit { name, apply } in EDITS {
        apply(&project);
        let output = run();
        as_cargo_does(name, &output);
        let row = Row {
            edit: name,
            outcomes: outcomes(&output),
        };
        let now = counts(&printed(&output, "held "));
        for (((state, was), (_, is)), (_, gain)) in before.into_iter().zip(now).zip(GAINS) {
            let outcome = row.outcome(state);
            let expected = if outcome == "reset" { gain } else { was + gain };
            assert_eq!(is, expected, "{state} was {outcome} by {name}: {output:?}");
        }
        before = now;
        rows.push(row);
    }
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("states", table::render(&rows));
    });
}
