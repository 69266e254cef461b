//! States that cannot be migrated: the error names all at once, and kt resets only the allowed
//! ones.

use serde_json::json;
use tests::{Fixture, Output, Project, assert_terminal};

use crate::{on_terminal, state, value, worker, workers::OTHER_BASE};

const STATES: &str = "src/states.rs";

/// A service in which `ITEMS`, `RATE` and `VISITS` hold values that their types after [`edit`]
/// reject.
fn project() -> Project {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    state(&project, ["set", "VISITS", "5000000000"]).success();
    project
}

/// Changes four types. Only the new type of `TOTAL` accepts the value.
fn edit(project: &Project) {
    for (from, to) in [
        ("pub price: u32,", "pub price: String,"),
        (
            "VISITS: AtomicU64 = AtomicU64::new(0)",
            "VISITS: AtomicU32 = AtomicU32::new(0)",
        ),
        ("atomic::{AtomicU32, AtomicU64},", "atomic::AtomicU32,"),
        (
            "RATE: Mutex<f64> = Mutex::new(1.5)",
            "RATE: Mutex<u8> = Mutex::new(7)",
        ),
        (
            "TOTAL: Mutex<u64> = Mutex::new(1250)",
            "TOTAL: Mutex<f64> = Mutex::new(12.5)",
        ),
    ] {
        project.edit(STATES, from, to);
    }
    project.edit(
        "src/remote.rs",
        "Item { price }",
        "Item { price: price.to_string() }",
    );
}

/// Checks that the edited program has not reached the worker.
fn assert_untouched(project: &Project, former: u64) {
    assert_eq!(worker(project), former);
    assert_eq!(value(project, "ITEMS"), json!({"apple": {"price": 3}}));
    assert_eq!(value(project, "VISITS"), json!(5_000_000_000_u64));
    assert_eq!(value(project, "RATE"), 1.5);
    assert_eq!(value(project, "TOTAL").to_string(), "1250");
}

/// Checks that the three rejected states hold their initial values, and the fourth its own.
fn three_were_reset(project: &Project) {
    assert_eq!(value(project, "ITEMS"), json!({}));
    assert_eq!(value(project, "VISITS"), 1);
    assert_eq!(value(project, "RATE"), 7);
    assert_eq!(value(project, "TOTAL").to_string(), "1250.0");
}

#[test]
fn unmigratable_states_are_all_named_and_reset_by_name() {
    let mut project = project();
    let file = project.private().join("saved");
    let path = file.to_str().expect("a path of ours");
    state(&project, ["save", path]).success();
    let former = worker(&project);
    edit(&project);
    assert_terminal!(
        "three_not_migrated",
        project,
        project.run_with("visit").code(101)
    );
    assert_untouched(&project, former);

    let two = [
        "run",
        "--reset-state",
        "RATE",
        "--reset-state=states::ITEMS",
        "--",
        "visit",
    ];
    project
        .kt(two)
        .code(101)
        .says("state `state::states::VISITS` could not be migrated: ")
        .does_not_report("RATE")
        .does_not_report("ITEMS");
    assert_untouched(&project, former);
    let unknown = project.kt(["run", "--reset-state", "RAET", "--", "visit"]);
    assert_terminal!("reset_of_an_unknown_state", project, unknown.code(101));
    // The two options contradict each other.
    project
        .kt(["run", "--keep-state", "--reset-state", "all", "--", "visit"])
        .code(2)
        .says("cannot be used with");
    assert_untouched(&project, former);

    // `TOTAL` may be reset too, but its value migrates.
    project.environment("KT_RESET_STATE", "RATE,states::ITEMS,VISITS,TOTAL");
    assert_terminal!(
        "three_were_reset",
        project,
        project.run_with("visit").success()
    );
    assert_eq!(worker(&project), former);
    three_were_reset(&project);

    // A file with their former values is refused in the same way.
    assert_terminal!(
        "load_of_three",
        project,
        state(&project, ["load", path]).code(101)
    );
    three_were_reset(&project);
}

#[test]
fn prompt_asks_once_for_all_unmigratable_states() {
    let project = project();
    let former = worker(&project);
    edit(&project);
    let declined = on_terminal(&project, &["run", "--", "visit"], "n").code(101);
    let question = "Reset these 3 states and continue? [y/N]";
    assert!(declined.stderr.contains(question), "{declined:?}");
    let nothing = "error: canceled: the old worker of tester-state keeps serving\n";
    assert!(declined.stderr.ends_with(nothing), "{declined:?}");
    assert_untouched(&project, former);

    // `--yes` does not allow a faulty edit to reset a state.
    let unasked = project.spawn_kt_on_terminal(["run", "--yes", "--", "visit"]);
    let unasked = unasked.finish().code(101);
    assert!(!unasked.stderr.contains("[y/N]"), "{unasked:?}");
    assert_untouched(&project, former);

    let agreed = on_terminal(&project, &["run", "--", "visit"], "y").success();
    assert_eq!(agreed.stderr.matches("[y/N]").count(), 1, "{agreed:?}");
    assert_eq!(worker(&project), former);
    three_were_reset(&project);
}

#[test]
fn new_worker_names_all_unmigratable_states() {
    let project = project();
    let former = worker(&project);
    project.append("Cargo.toml", OTHER_BASE);
    edit(&project);
    let named = |output: Output| {
        output
            .code(101)
            .says("3 states could not be migrated:")
            .says("`state::states::ITEMS` at `[0].price`: ")
            .says("`state::states::RATE`: ")
            .says("`state::states::VISITS`: ")
    };
    named(project.run_with("visit"));
    assert_untouched(&project, former);
    project
        .kt(["run", "--reset-state", "all", "--", "visit"])
        .success()
        .says("state `state::states::RATE` was reset to its initial value: it could not be migrated: ");
    assert_ne!(worker(&project), former);
    three_were_reset(&project);
}

#[test]
fn unserializable_state_can_be_reset_for_a_new_worker() {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    // Its `Serialize` opens this file.
    state(&project, ["set", "SLOW", "\"/nowhere\""]).success();
    let former = worker(&project);
    project.append("Cargo.toml", OTHER_BASE);
    project
        .run_with("visit")
        .code(101)
        .says("state `state::states::SLOW` could not be migrated: No such file or directory");
    assert_eq!(worker(&project), former);
    project
        .kt(["run", "--reset-state", "SLOW", "--", "visit"])
        .success()
        .says(
            "state `state::states::SLOW` was reset to its initial value: it could not be migrated",
        );
    assert_ne!(worker(&project), former);
    assert_eq!(value(&project, "ITEMS"), json!({"apple": {"price": 3}}));
    assert_eq!(value(&project, "SLOW"), json!(null));
}
