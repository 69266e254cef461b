//! Every demo, edited and run again.

use tests::{
    Fixture, Output, Project,
    cluster::{Namespace, image},
    demos,
};

fn demo(project: &Project, name: &str, arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    project
        .kt(["run", "--package", "examples", "--example", name, "--"]
            .into_iter()
            .chain(arguments))
        .success()
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn hot_reload_answers_from_the_same_pod_with_its_state_kept() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::DEMOS, &image::debian());
    let first = demo(&project, "hot_reload", "");
    assert!(
        first
            .stdout
            .starts_with("Hello from generation one! Hi Alice, this is call 1"),
        "{first:?}"
    );
    let pods = namespace.get(&["pods"]);
    assert_eq!(pods.len(), 1, "{pods:#?}");

    project.edit(
        "examples/hot_reload.rs",
        "Hello from generation one!",
        "Hello again!",
    );
    let second = demo(&project, "hot_reload", "");
    assert!(
        second
            .stdout
            .starts_with("Hello again! Hi Alice, this is call 2"),
        "{second:?}"
    );
    let after = namespace.get(&["pods"]);
    assert_eq!(after[0]["metadata"]["uid"], pods[0]["metadata"]["uid"]);
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn state_persistence_keeps_its_entries_through_an_edit_of_their_type() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::DEMOS, &image::distroless());
    assert_eq!(
        demo(&project, "state_persistence", "set name Alice").stdout,
        "1 entries\n"
    );
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
        demo(&project, "state_persistence", "list").says("Migrated state_persistence::STORE");
    assert_eq!(migrated.stdout, "name = Alice\n");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn concurrent_calls_and_similar_texts_work_in_a_pod() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::DEMOS, &image::debian());
    demo(&project, "concurrent_calls", "");
    demo(&project, "similar_texts", "").prints("Cold: the index was built");
    demo(&project, "similar_texts", "").prints("Warm: the index was in memory");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn timing_demo_is_cold_once() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::DEMOS, &image::distroless());
    let cold = demo(&project, "timing_demo", "");
    assert!(cold.stdout.contains("This was a cold start."), "{cold:?}");
    let warm = demo(&project, "timing_demo", "");
    assert!(
        warm.stdout.contains("Warm: the table was still in memory."),
        "{warm:?}"
    );
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn interactive_demos_work_in_restricted_pods() {
    for image in [image::distroless(), image::debian()] {
        let namespace = Namespace::restricted();
        let mut project = namespace.project(Fixture::DEMOS, &image);
        demos::debug_a_call(&mut project);
        demos::use_a_shell(&project);
    }
}
