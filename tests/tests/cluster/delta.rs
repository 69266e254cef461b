//! What an edit sends to a pod.

use tests::{
    Fixture,
    cluster::{Namespace, image},
};

/// More than any one-line edit of a small crate may send.
const SMALL: u64 = 32 << 10;

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn one_line_edit_sends_one_object_as_a_patch() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::distroless());
    project.run().success();
    project.edit("src/main.rs", "\"hello {name}", "\"good day {name}");
    let edited = project.kt(["run", "--message-format", "json"]).success();
    assert!(
        edited.stdout.contains("good day Alice, visit 2"),
        "{edited:?}"
    );
    let shipped = edited
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|message| message["reason"] == "kt-shipped")
        .unwrap_or_else(|| panic!("nothing was shipped: {edited:?}"));
    assert_eq!(shipped["objects"], 1, "{shipped:#}");
    assert_eq!(shipped["patched"], 1, "{shipped:#}");
    let sent = shipped["sent"].as_u64().expect("a number of bytes");
    println!("a one-line edit: {sent} bytes");
    assert!((1..SMALL).contains(&sent), "{shipped:#}");
}
