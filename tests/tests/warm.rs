//! The demos: edited, run again, and answered by the same worker.

use tests::{Fixture, Output, Project, demos};

const DEPENDENCY: &str = "strsim";

fn demo(project: &Project, name: &str, arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    project
        .kt(["run", "--package", "examples", "--example", name, "--"]
            .into_iter()
            .chain(arguments))
        .success()
}

/// The worker of the only service, as the host reports it.
fn worker(project: &Project) -> u64 {
    let services = project.services();
    assert_eq!(services.len(), 1, "{services:#?}");
    services[0]["worker"]["pid"]
        .as_u64()
        .unwrap_or_else(|| panic!("no worker in {services:#?}"))
}

#[test]
fn hot_reload_answers_with_the_new_message_from_the_same_process() {
    let project = Project::of(Fixture::DEMOS);
    let first = demo(&project, "hot_reload", "");
    let pid = worker(&project);
    let greeting = |message: &str, call: u32| {
        format!("{message} Hi Alice, this is call {call} in process {pid}.")
    };
    assert_eq!(
        first.stdout.lines().next(),
        Some(&*greeting("Hello from generation one!", 1)),
        "{first:?}"
    );

    project.edit(
        "examples/hot_reload.rs",
        "Hello from generation one!",
        "Hello again!",
    );
    let second = demo(&project, "hot_reload", "");
    assert_eq!(
        second.stdout.lines().next(),
        Some(&*greeting("Hello again!", 2)),
        "{second:?}"
    );

    // Back again: the first generation's code is already loaded, and must become the newest.
    project.edit(
        "examples/hot_reload.rs",
        "Hello again!",
        "Hello from generation one!",
    );
    let third = demo(&project, "hot_reload", "");
    assert_eq!(
        third.stdout.lines().next(),
        Some(&*greeting("Hello from generation one!", 3)),
        "{third:?}"
    );
}

#[test]
fn state_persistence_keeps_its_entries_through_edits() {
    let project = Project::of(Fixture::DEMOS);
    let demo = |arguments: &str| demo(&project, "state_persistence", arguments).stdout;
    assert_eq!(demo("set name Alice"), "1 entries\n");
    let pid = worker(&project);
    assert_eq!(demo("set city Berlin"), "2 entries\n");

    // The function itself.
    project.edit(
        "examples/state_persistence.rs",
        "entry.value.clone())\n",
        "entry.value.to_uppercase())\n",
    );
    assert_eq!(demo("get name"), "ALICE\n");
    assert_eq!(worker(&project), pid);

    // A crate below it.
    project.edit(
        "examples/lib.rs",
        "durations.sort();",
        "durations.sort_unstable();",
    );
    assert_eq!(demo("list"), "city = Berlin\nname = Alice\n");
    assert_eq!(worker(&project), pid);

    // The values' type.
    project.edit(
        "examples/state_persistence.rs",
        "    value: String,\n}",
        "    #[serde(default)]\n    reads: u32,\n    value: String,\n}",
    );
    project.edit(
        "examples/state_persistence.rs",
        "Entry { value }",
        "Entry { value, reads: 0 }",
    );
    let migrated =
        self::demo(&project, "state_persistence", "list").says("Migrated state_persistence::STORE");
    assert_eq!(migrated.stdout, "city = Berlin\nname = Alice\n");
    assert_eq!(worker(&project), pid);

    // A dependency: a layer of the base, beside the old one.
    project
        .plain_cargo(["add", "--package", "examples", DEPENDENCY])
        .success();
    let with_dependency =
        "format!(\"{} {}\", entry.value, strsim::levenshtein(&entry.value, \"Alan\"))";
    project.edit(
        "examples/state_persistence.rs",
        "entry.value.to_uppercase()",
        with_dependency,
    );
    assert_eq!(demo("get name"), "Alice 3\n");
    assert_eq!(worker(&project), pid);

    // The new layer stays usable after another edit.
    project.edit("examples/state_persistence.rs", "\"Alan\"", "\"Alic\"");
    assert_eq!(demo("get name"), "Alice 1\n");
    assert_eq!(demo("clear"), "2 entries cleared\n");
    assert_eq!(worker(&project), pid);
}

#[test]
fn breakpoint_debug_shows_a_stopped_call() {
    demos::debug_a_call(&mut Project::of(Fixture::DEMOS));
}

#[test]
fn ssh_into_pod_opens_a_shell_beside_the_functions() {
    demos::use_a_shell(&Project::of(Fixture::DEMOS));
}

#[test]
fn timing_demo_is_cold_once() {
    let project = Project::of(Fixture::DEMOS);
    demo(&project, "timing_demo", "").prints("This was a cold start.");
    demo(&project, "timing_demo", "").prints("Warm: the table was still in memory.");
    project.edit(
        "examples/timing_demo/main.rs",
        "the prime number",
        "the prime with the number",
    );
    demo(&project, "timing_demo", "")
        .prints("Warm: the table was still in memory.")
        .prints("the prime with the number");
}

#[test]
fn similar_texts_builds_its_index_once() {
    let project = Project::of(Fixture::DEMOS);
    let found = "the painter sings at the river";
    demo(&project, "similar_texts", "")
        .prints(found)
        .prints("Cold: the index was built");
    project.edit("examples/similar_texts.rs", "{like:.2}", "{like:.3}");
    demo(&project, "similar_texts", "")
        .prints(found)
        .prints("Warm: the index was in memory")
        .says("kept similar_texts::INDEX");
}

#[test]
fn concurrent_calls_take_little_more_than_one() {
    let project = Project::of(Fixture::DEMOS);
    demo(&project, "concurrent_calls", "").prints("1000 calls of 1s each took ");
}
