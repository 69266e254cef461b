//! Large values, and deeply nested values.

use std::fs;

use tests::Project;

use crate::{ask, build, driver, with, write};

/// A number of the worker's `/proc/PID/status`, in MiB.
fn memory(project: &Project, field: &str) -> u64 {
    let (_, worker) = project.processes();
    let status =
        fs::read_to_string(format!("/proc/{}/status", worker.pid)).expect("the worker runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no {field} in {status}")) / 1024
}

const LARGE: &str = r#"
use std::sync::Mutex;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Record { id: u64, text: String }

#[kt::state]
static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());

const COUNT: u64 = 150_000;

fn text(id: u64) -> String {
    format!("{id:020}-").repeat(100)
}

pub fn answer(arguments: &[&str]) -> String {
    let mut records = RECORDS.lock().unwrap();
    if let ["fill"] = arguments {
        *records = (0..COUNT).map(|id| Record { id, text: text(id) }).collect();
    }
    let right = records.iter().enumerate().all(|(at, record)| record.id == at as u64 && record.text == text(record.id));
    format!("{} {right}", records.len())
}
"#;

#[test]
fn migration_needs_at_most_twice_the_values_memory() {
    let project = with(LARGE);
    let mut old = driver(&project);
    assert_eq!(old.ask("look"), "0 true");
    let empty = memory(&project, "VmRSS");
    assert_eq!(old.ask("fill"), "150000 true");
    let value = memory(&project, "VmRSS") - empty;
    assert!(
        (250..500).contains(&value),
        "{value} MiB is the wrong size for this test"
    );
    write(
        &project,
        &LARGE
            .replace(
                "{ id: u64, text: String }",
                "{ #[serde(default)] more: u64, id: u64, text: String }",
            )
            .replace("Record { id, ", "Record { more: 0, id, "),
    );
    build(&project)
        .success()
        .says("Migrated edge_cases::states::RECORDS");
    let peak = memory(&project, "VmHWM") - empty;
    println!("a value of {value} MiB had its peak at {peak} MiB");
    assert!(
        peak < 2 * value + 64,
        "{peak} MiB for a value of {value} MiB"
    );
    let mut new = driver(&project);
    assert_eq!(new.ask("look"), "150000 true");
    new.finish().success();
    old.finish().success();
}

const DEEP: &str = r#"
use std::sync::Mutex;
use serde::{Deserialize, Serialize};

NODE

#[kt::state]
static LIST: Mutex<Option<Box<Node>>> = Mutex::new(None);

pub fn answer(arguments: &[&str]) -> String {
    let mut list = LIST.lock().unwrap();
    if let ["fill", length] = arguments {
        // Not dropped as a whole: the recursion would overflow the stack.
        while let Some(mut node) = list.take() { *list = TAKE; }
        for at in 0..length.parse().unwrap() {
            let next = list.take();
            *list = Some(Box::new(MAKE));
        }
    }
    let (mut length, mut sum, mut next) = (0, 0, list.as_deref());
    while let Some(node) = next {
        (length, sum, next) = (length + 1, sum + node_at(node), NEXT);
    }
    format!("{length} {sum}")
}
"#;

/// The type before and after, and how to take, create and follow the next node.
fn deep(nodes: [&str; 2], take: &str, make: &str, next: &str) -> [String; 2] {
    nodes.map(|node| {
        DEEP.replace("NODE", node)
            .replace("TAKE", take)
            .replace("MAKE", make)
            .replace("NEXT", next)
    })
}

fn assert_too_deep_is_refused(programs: &[String; 2]) {
    let [before, after] = programs;
    let project = with(before);
    let sum = |length: u64| format!("{length} {}", (0..length).sum::<u64>());
    let mut old = driver(&project);
    let (_, worker) = project.processes();
    write(&project, after);
    for length in [100_000, 20_000] {
        assert_eq!(old.ask(&format!("fill {length}")), sum(length));
        build(&project)
            .code(101)
            .says("state `edge_cases::states::LIST` could not be migrated")
            .says("it is nested more than");
        assert_eq!(old.ask("look"), sum(length));
    }
    assert_eq!(old.ask("fill 1500"), sum(1500));
    build(&project)
        .success()
        .says("Migrated edge_cases::states::LIST");
    assert_eq!(ask(&project, "look"), sum(1500));
    assert_eq!(project.processes().1.pid, worker.pid);
    old.finish().success();
}

#[test]
fn list_of_100_000_nodes_is_refused() {
    assert_too_deep_is_refused(&deep(
        ["u32", "u64"].map(|number| match number {
            "u32" => "#[derive(Serialize, Deserialize)] struct Node { at: u32, next: Option<Box<Node>> } fn node_at(node: &Node) -> u64 { node.at.into() }",
            _ => "#[derive(Serialize, Deserialize)] struct Node { at: u64, next: Option<Box<Node>> } fn node_at(node: &Node) -> u64 { node.at }",
        }),
        "node.next.take()",
        "Node { at, next }",
        "node.next.as_deref()",
    ));
}

#[test]
fn tagged_list_of_100_000_nodes_is_refused() {
    // Serde reads such a type twice: into a tree of its own, then from it.
    assert_too_deep_is_refused(&deep(
        [
            "#[derive(Serialize, Deserialize)] #[serde(tag = \"kind\")] enum Node { A { at: u32, next: Option<Box<Node>> } } fn node_at(node: &Node) -> u64 { let Node::A { at, .. } = node; (*at).into() }",
            "#[derive(Serialize, Deserialize)] #[serde(tag = \"kind\")] enum Node { A { at: u64, next: Option<Box<Node>> } } fn node_at(node: &Node) -> u64 { let Node::A { at, .. } = node; *at }",
        ],
        "{ let Node::A { next, .. } = &mut *node; next.take() }",
        "Node::A { at, next }",
        "{ let Node::A { next, .. } = node; next.as_deref() }",
    ));
}
