//! Saving states to files, and loading them.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;
use tests::{Fixture, Project, assert_terminal};

use crate::{state, value};

#[test]
fn saved_states_load_in_a_new_service() {
    let project = Project::of(Fixture::STATE);
    let file = project.private().join("saved");
    let path = file.to_str().expect("a path of ours");
    project.run_with("put apple 3").success();
    project.run_with("note hello").success();
    state(&project, ["set", "RATE", "4.5"]).success();
    state(&project, ["set", "NAME", "\"Bob\""]).success();

    assert_terminal!("save", project, state(&project, ["save", path]).success());
    let mode = fs::metadata(&file).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = fs::read(&file).expect("it can be read");
    assert_terminal!(
        "save_over",
        project,
        state(&project, ["save", path]).code(101)
    );
    assert_eq!(fs::read(&file).expect("it can be read"), bytes);
    state(&project, ["save", "--force", path]).success();
    let nowhere = project.private().join("nowhere/saved");
    let nowhere = nowhere.to_str().expect("a path of ours");
    assert_terminal!(
        "save_nowhere",
        project,
        state(&project, ["save", nowhere]).code(101)
    );
    assert_no_files_are_left(&project, &["saved"]);

    project.kt(["down", "--all"]).success();
    // The new service runs an edited program: one state has another field, one is renamed.
    project.edit(
        "src/states.rs",
        "pub price: u32,\n",
        "pub price: u32,\n    #[serde(default)]\n    pub stock: u8,\n",
    );
    project.edit(
        "src/remote.rs",
        "Item { price }",
        "Item { price, stock: 9 }",
    );
    project.edit("src/states.rs", "pub static SPARE", "pub static SPARED");
    project.run_with("put plum 1").success();
    assert_terminal!("load", project, state(&project, ["load", path]).success());
    assert_eq!(
        value(&project, "ITEMS"),
        json!({"apple": {"price": 3, "stock": 0}})
    );
    assert_eq!(value(&project, "RATE"), 4.5);
    assert_eq!(value(&project, "NAME"), "Bob");
    refused(&project, path, &bytes);
    assert_no_files_are_left(&project, &["saved", "damaged"]);
}

/// A failed load changes no state.
fn refused(project: &Project, path: &str, bytes: &[u8]) {
    state(project, ["set", "RATE", "1"]).success();
    let damaged = project.private().join("damaged");
    let damaged_path = damaged.to_str().expect("a path of ours");
    let load = |bytes: &[u8]| {
        fs::write(&damaged, bytes).expect("it can be written");
        state(project, ["load", damaged_path]).code(101)
    };
    assert_terminal!("load_no_such_file", project, load(b"[1, 2, 3, 4, 5, 6, 7]"));
    assert_terminal!("load_half", project, load(&bytes[..bytes.len() / 2]));
    load(&[]);
    let mut flipped = bytes.to_vec();
    let end = flipped.len() - 20;
    flipped[end] ^= 1;
    load(&flipped);
    assert_terminal!(
        "load_missing",
        project,
        state(project, ["load", "/nowhere/saved"]).code(101)
    );
    // The file's values have other types than the program's.
    project.edit("src/states.rs", "pub price: u32,", "pub price: String,");
    project.edit(
        "src/remote.rs",
        "Item { price, stock: 9 }",
        "Item { price: price.to_string(), stock: 9 }",
    );
    state(project, ["clear", "ITEMS"]).success();
    project.run_with("visit").success();
    let other = state(project, ["load", path]).code(101);
    assert_terminal!("load_other_type", project, other);
    assert_eq!(value(project, "RATE"), 1.0, "all or none");
    assert_eq!(value(project, "ITEMS"), json!({}));
}

/// Checks that there are no other files than these beside the saved one, and none in the store.
fn assert_no_files_are_left(project: &Project, expected: &[&str]) {
    let names = |directory: &str| {
        let entries = fs::read_dir(project.private().join(directory)).expect("it exists");
        let names = entries.map(|entry| entry.expect("it can be read").file_name());
        names
            .map(|name| name.into_string().expect("a name of ours"))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("home/services/tester-state/states"), [""; 0]);
    let mut files = names(".");
    files.retain(|name| !["home", "run", "project"].contains(&&**name));
    files.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(files, expected);
}
