//! States that cannot be migrated: all are named at once, and reset only where that is allowed.

use serde_json::json;
use tests::{Fixture, Output, Project, assert_terminal};

use crate::{on_terminal, state, value, worker, workers::OTHER_BASE};

const STATES: &str = "src/states.rs";

/// A service in which `ITEMS`, `RATE` and `VISITS` hold values that do not fit their types after [`edit`].
fn project() -> Project {
    let project = Project::of(Fixture::STATE);
    project.run_with("put apple 3").success();
    state(&project, ["set", "VISITS", "5000000000"]).success();
    project
}

/// Changes four types. Only the value of `TOTAL` fits its new one.
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

/// Nothing of the edited program has reached the worker.
fn untouched(project: &Project, former: u64) {
    assert_eq!(worker(project), former);
    assert_eq!(value(project, "ITEMS"), json!({"apple": {"price": 3}}));
    assert_eq!(value(project, "VISITS"), json!(5_000_000_000_u64));
    assert_eq!(value(project, "RATE"), 1.5);
    assert_eq!(value(project, "TOTAL").to_string(), "1250");
}

/// The three that did not fit hold their initial values, the fourth its own.
fn three_were_reset(project: &Project) {
    assert_eq!(value(project, "ITEMS"), json!({}));
    assert_eq!(value(project, "VISITS"), 1);
    assert_eq!(value(project, "RATE"), 7);
    assert_eq!(value(project, "TOTAL").to_string(), "1250.0");
}

#[test]
fn all_states_that_cannot_be_migrated_are_named_at_once_and_reset_by_name() {
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
    untouched(&project, former);

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
        .keeps_quiet_about("RATE")
        .keeps_quiet_about("ITEMS");
    untouched(&project, former);
    let unknown = project.kt(["run", "--reset-state", "RAET", "--", "visit"]);
    assert_terminal!("reset_of_an_unknown_state", project, unknown.code(101));
    // It keeps all, or resets some.
    project
        .kt(["run", "--keep-state", "--reset-state", "all", "--", "visit"])
        .code(2)
        .says("cannot be used with");
    untouched(&project, former);

    // `TOTAL` is allowed to be reset, and its value fits.
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
fn a_person_is_asked_once_for_all_states_that_cannot_be_migrated() {
    let project = project();
    let former = worker(&project);
    edit(&project);
    let declined = on_terminal(&project, &["run", "--", "visit"], "n").code(101);
    let question = "Reset these 3 states and continue? [y/N]";
    assert!(declined.stderr.contains(question), "{declined:?}");
    let nothing = "error: canceled: the old worker of tester-state keeps serving\n";
    assert!(declined.stderr.ends_with(nothing), "{declined:?}");
    untouched(&project, former);

    // Who does not want to be asked has not said that a mistake in the edit may cost a state.
    let unasked = project.spawn_kt_on_terminal(["run", "--yes", "--", "visit"]);
    let unasked = unasked.finish().code(101);
    assert!(!unasked.stderr.contains("[y/N]"), "{unasked:?}");
    untouched(&project, former);

    let agreed = on_terminal(&project, &["run", "--", "visit"], "y").success();
    assert_eq!(agreed.stderr.matches("[y/N]").count(), 1, "{agreed:?}");
    assert_eq!(worker(&project), former);
    three_were_reset(&project);
}

#[test]
fn a_new_worker_refuses_all_states_that_do_not_fit_at_once() {
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
    untouched(&project, former);
    project
        .kt(["run", "--reset-state", "all", "--", "visit"])
        .success()
        .says("state `state::states::RATE` was reset to its initial value: it could not be migrated: ");
    assert_ne!(worker(&project), former);
    three_were_reset(&project);
}

#[test]
fn a_state_that_the_old_code_cannot_write_down_does_not_hold_a_new_worker_up_for_good() {
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
