//! Each subcommand of `cargo kt state`, and its errors.

use serde_json::json;
use tests::{Fixture, Project, assert_terminal};

use crate::{assert_output, state, value};

#[test]
fn state_subcommands_work_and_report_errors() {
    let project = Project::of(Fixture::STATE);
    let nothing = state(&project, ["ls"]).code(101);
    assert_terminal!("nothing_runs", project, nothing);
    project.run_with("put apple 3").success();
    project.run_with("note hello").success();

    assert_output!("ls", project, state(&project, ["ls"]).success());
    shown(&project);
    set(&project);
    cleared(&project);
    dropped(&project);
    for_programs(&project);
}

fn shown(project: &Project) {
    assert_output!(
        "get_json",
        project,
        state(project, ["get", "ITEMS"]).success()
    );
    assert_output!(
        "get_debug",
        project,
        state(project, ["get", "NOTES"]).success()
    );
    assert_output!(
        "get_layout",
        project,
        state(project, ["get", "HANDLE"]).success()
    );
    assert_output!(
        "get_empty",
        project,
        state(project, ["get", "NAME"]).success()
    );
    assert_terminal!(
        "get_unknown",
        project,
        state(project, ["get", "ITEM"]).code(101)
    );
    assert_terminal!(
        "get_far_off",
        project,
        state(project, ["get", "nothing::alike"]).code(101)
    );
    assert_terminal!(
        "get_ambiguous",
        project,
        state(project, ["get", "COUNT"]).code(101)
    );
    assert_eq!(value(project, "east::COUNT"), 0);
    let other = state(project, ["get", "ITEMS", "--service", "tester-stat"]).code(101);
    assert_terminal!("other_service", project, other);
}

fn set(project: &Project) {
    let items = json!({"pear": {"price": 7}, "plum": {"price": 1}});
    let set = state(project, ["set", "ITEMS", &items.to_string()]).success();
    assert_terminal!("set", project, set);
    assert_eq!(value(project, "ITEMS"), items);
    // A call sees the new value in its static.
    let answer = project.run_with("put apple 3").success();
    assert_eq!(answer.answer("put apple 3: "), "3");

    let mut typed = project.spawn_kt(["state", "set", "states::RATE", "-"]);
    typed.send("-2.5e-3");
    typed.finish().success();
    assert_eq!(value(project, "RATE"), -2.5e-3);
    state(project, ["set", "RATE", "-1"]).success();
    assert_eq!(value(project, "RATE"), -1.0);
    // Not a cell that can be written to: its handle is pointed at another value.
    state(project, ["set", "NAME", "\"Bob\""]).success();
    let answer = project.run_with("name Alice").success();
    assert_eq!(answer.answer("name Alice: "), "Bob at 0");
    state(project, ["set", "SPARE", "null"]).success();
    assert_eq!(value(project, "SPARE"), json!(null));

    let wrong = r#"{"pear": {"price": 7}, "plum": {"price": "cheap"}}"#;
    let refused = state(project, ["set", "ITEMS", wrong]).code(101);
    assert_terminal!("set_another_type", project, refused);
    let refused = state(project, ["set", "SPARE", "256"]).code(101);
    assert_terminal!("set_out_of_range", project, refused);
    assert_terminal!(
        "set_no_json",
        project,
        state(project, ["set", "NAME", "Bob"]).code(101)
    );
    assert_terminal!(
        "set_without_serde",
        project,
        state(project, ["set", "NOTES", "[]"]).code(101)
    );
    assert_eq!(value(project, "ITEMS")["pear"], json!({"price": 7}));
}

fn cleared(project: &Project) {
    let refused = state(project, ["clear", "RATE", "VISIT"]).code(101);
    assert_terminal!("clear_unknown", project, refused);
    assert_eq!(value(project, "RATE"), -1.0, "all or none");
    let done = state(project, ["clear", "RATE", "states::RATE", "NOTES"]).success();
    assert_terminal!("clear", project, done);
    assert_eq!(value(project, "RATE"), 1.5);
    state(project, ["get", "NOTES"])
        .success()
        .does_not_report("hello");

    assert_terminal!(
        "reset_unasked",
        project,
        state(project, ["reset"]).code(101)
    );
    assert_ne!(value(project, "ITEMS"), json!({}));
    let on_terminal = |answer: &str| {
        let mut asked = project.spawn_kt_on_terminal(["state", "reset"]);
        asked.send(answer);
        let mut output = asked.finish();
        // Typed-ahead input is echoed before or after the question.
        output.stderr = output.stderr.replace("\r\n", "\n");
        output
    };
    let declined = on_terminal("").code(101);
    assert!(
        declined
            .stderr
            .contains("Clear all states of tester-state? [y/N]"),
        "{declined:?}"
    );
    assert!(
        declined
            .stderr
            .ends_with("error: canceled: no state was changed\n"),
        "{declined:?}"
    );
    assert_ne!(value(project, "ITEMS"), json!({}));
    on_terminal("y").success();
    assert_eq!(value(project, "ITEMS"), json!({}));

    project.run_with("put apple 3").success();
    let done = state(project, ["reset", "--yes"]).success();
    assert_terminal!("reset", project, done);
    assert_eq!(value(project, "ITEMS"), json!({}));
    assert_eq!(state(project, ["get", "NAME"]).success().stdout, "");
}

fn dropped(project: &Project) {
    assert_terminal!("drop_nothing", project, state(project, ["drop"]).success());
    assert_terminal!(
        "drop_in_use",
        project,
        state(project, ["drop", "RATE"]).code(101)
    );
}

fn for_programs(project: &Project) {
    let json = |arguments: &[&str]| {
        let arguments = arguments.iter().copied();
        let output = state(project, arguments.chain(["--message-format", "json"])).success();
        assert_eq!(output.stdout.lines().count(), output.json().len());
        output.json()
    };
    let listed = json(&["ls"]);
    let of = |name: &str| {
        let found = listed
            .iter()
            .find(|state| state["key"].as_str().unwrap().ends_with(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {listed:#?}"))
            .clone()
    };
    assert_eq!(listed.len(), 13);
    let rate = of("::RATE");
    assert_eq!(rate["reason"], "kt-state");
    assert_eq!(
        (&rate["serde"], &rate["declared"], &rate["type_tokens"]),
        (&json!(true), &json!(true), &json!("Mutex<f64>"))
    );
    assert_eq!(of("::NOTES")["serde"], false);
    let shown = json(&["get", "RATE"]);
    assert_eq!(
        shown,
        [json!({"reason": "kt-state-value", "name": "RATE", "form": "json", "value": 1.5})]
    );
    assert_eq!(json(&["get", "NOTES"])[0]["form"], "debug");
    assert_eq!(json(&["get", "HANDLE"])[0]["form"], "layout");
    assert_eq!(json(&["get", "NAME"])[0]["form"], "empty");
    let set = json(&["set", "RATE", "2"]);
    assert_eq!(
        (&set[0]["reason"], &set[0]["operation"]),
        (&json!("kt-state-done"), &json!("set"))
    );
    let quiet = state(project, ["set", "-q", "RATE", "3"]).success();
    assert_eq!((&*quiet.stdout, &*quiet.stderr), ("", ""));
}
