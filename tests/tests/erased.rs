//! States with memory whose type only the code knows that put it there: `dyn`, function pointers, pointers to bytes, and
//! crates of others that have such memory inside. What an edit does to them, and that none is ever misread.

use std::collections::BTreeMap;

use tests::{Fixture, Output, Project};

/// All states of the fixture that have such memory.
const ERASED: [&str; 10] = [
    "REGEX", "POOL", "WORLD", "ANY", "TYPES", "OWN", "FOREIGN", "FUNCTION", "CLOSURE", "BYTES",
];

/// Those that hold a value and say which.
const SAID: [&str; 12] = [
    "REGEX", "LAZY", "LOCK", "POOL", "WORLD", "ANY", "TYPES", "OWN", "FOREIGN", "FUNCTION",
    "CLOSURE", "BYTES",
];

/// What became of each state at the swap that a command has done.
#[track_caller]
fn outcomes(output: &Output) -> BTreeMap<String, String> {
    let messages = output.json();
    let swapped = messages
        .iter()
        .find(|message| message["reason"] == "kt-swapped");
    let swapped = swapped.unwrap_or_else(|| panic!("no swap in {output:?}"));
    let outcome = |state: &serde_json::Value| {
        let name = state["key"].as_str()?.rsplit("::").next()?.to_owned();
        let outcome = &state["outcome"];
        let kind = outcome
            .as_object()
            .and_then(|it| it.keys().next())
            .map(String::as_str);
        Some((name, kind.or(outcome.as_str())?.to_owned()))
    };
    swapped["states"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(outcome)
        .collect()
}

/// What each state holds, in the worker, by the program of this generation.
#[track_caller]
fn look(project: &Project, generation: u64) -> BTreeMap<String, String> {
    let output = project.run_with(&generation.to_string()).success();
    let line = output.stdout.lines().last().unwrap_or_default();
    let all: Vec<(String, String)> =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    all.into_iter().collect()
}

/// `cargo kt build` after an edit, which leaves every state its value and the new code the way to it.
#[track_caller]
fn edit(project: &Project, file: &str, from: &str, to: &str) -> BTreeMap<String, String> {
    project.edit(file, from, to);
    outcomes(&project.kt(["build", "--message-format", "json"]).success())
}

/// File, text and what stands there after the edit.
const KEEPS: &[(&str, &str, &str, &str)] = &[
    (
        "a body",
        "src/main.rs",
        "+ rec.number() as f64",
        "+ rec.number() as f64 + 1.0",
    ),
    (
        "a use line",
        "src/main.rs",
        "use types::Rec;",
        "use std::collections::{BTreeMap, HashSet};\nuse types::Rec;",
    ),
    ("a constant's number", "src/main.rs", "0.05", "0.04"),
    (
        "a new constant",
        "src/main.rs",
        "const RATE",
        "const NEW: u64 = 5;\nconst RATE",
    ),
    (
        "a new static",
        "src/main.rs",
        "const NEW",
        "static PLAIN: std::sync::Mutex<u64> = std::sync::Mutex::new(5);\nconst NEW",
    ),
    (
        "a new state",
        "src/main.rs",
        "const NEW",
        "#[kt::state]\nstatic STATE: std::sync::Mutex<u64> = std::sync::Mutex::new(5);\nconst NEW",
    ),
    (
        "a new module",
        "src/main.rs",
        "mod held;",
        "mod held;\nmod more { pub struct More(pub u8); }",
    ),
    (
        "an attribute of a function",
        "src/main.rs",
        "fn body",
        "#[inline]\nfn body",
    ),
    (
        "a type alias",
        "src/main.rs",
        "struct Unrelated",
        "type Alias = Vec<Rec>;\nstruct Unrelated",
    ),
    (
        "a new struct",
        "src/main.rs",
        "type Alias",
        "struct New { rec: Rec }\ntype Alias",
    ),
    (
        "a derive",
        "src/main.rs",
        "struct Unrelated",
        "#[derive(Debug, Clone, serde::Serialize)]\nstruct Unrelated",
    ),
    (
        "a trait implementation",
        "src/main.rs",
        "type Alias",
        "impl std::fmt::Display for New { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(\"new\") } }\ntype Alias",
    ),
    (
        "a struct in a body",
        "src/main.rs",
        "let _ = body",
        "struct Local { a: u8 }\n    let _ = Local { a: 1 }.a;\n    let _ = body",
    ),
    (
        "a macro's argument in a body",
        "src/main.rs",
        "line: 1 }.line",
        "line: 2 }.line",
    ),
    (
        "a macro",
        "src/main.rs",
        "macro_rules! twice",
        "macro_rules! make { ($n:ident) => { struct $n; } }\nmacro_rules! twice",
    ),
    (
        "a method beside the types",
        "src/types.rs",
        "    pub fn number(&self) -> u64 {\n        self.a[0]\n    }\n\n",
        "    pub fn number(&self) -> u64 {\n        self.a[0]\n    }\n\n    pub fn more(&self) -> u64 {\n        self.a[1]\n    }\n\n",
    ),
];

#[test]
fn a_state_with_erased_memory_outlives_an_edit_that_changes_no_type_that_it_may_hold() {
    let project = Project::of(Fixture::ERASED);
    let first = look(&project, 1);
    let mut lost = Vec::new();
    for (name, file, from, to) in KEEPS {
        let outcomes = edit(&project, file, from, to);
        let of_edit = SAID.iter().filter(|state| outcomes[**state] != "Kept");
        lost.extend(of_edit.map(|state| format!("{name}: {state} {}", outcomes[*state])));
    }
    // A crate of which other generations had nothing.
    project.edit(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nsmallvec = \"1\"\n",
    );
    let outcomes = outcomes(&project.kt(["build", "--message-format", "json"]).success());
    // Under other `TypeId`s what goes by them would never be found again.
    // An r2d2 pool has a type map for each connection.
    let by_type_id = ["POOL", "WORLD", "ANY", "TYPES"];
    for state in SAID {
        let is_right = (outcomes[state] == "Kept") != by_type_id.contains(&state);
        if !is_right {
            lost.push(format!("a dependency: {state} {}", outcomes[state]));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    let last = look(&project, 2);
    for state in SAID.iter().filter(|state| !by_type_id.contains(state)) {
        assert_eq!(last[*state], first[*state], "{state}");
    }
}

#[test]
fn no_erased_memory_is_misread_when_a_type_in_it_changes() {
    let project = Project::of(Fixture::ERASED);
    look(&project, 1);
    let changes: &[(&str, &[(&str, &str)])] = &[
        (
            "`a` of `Rec`: `[u64; 3]` → `String`",
            &[
                ("pub a: [u64; 3]", "pub a: String"),
                ("a: [n; 3]", "a: n.to_string()"),
                ("self.a[0]\n", "self.a.parse().unwrap()\n"),
                ("self.a == [self.a[0]; 3]", "self.a.len() == 1"),
            ],
        ),
        (
            "`shout` of `Speaks` added",
            &[(
                "pub trait Speaks: Send + Sync {\n",
                "pub trait Speaks: Send + Sync {\n    fn shout(&self) -> String {\n        \"!\".repeat(usize::from(self.number() > 0))\n    }\n",
            )],
        ),
    ];
    for (number, (reason, edits)) in changes.iter().enumerate() {
        for (from, to) in *edits {
            project.edit("src/types.rs", from, to);
        }
        let output = project.kt(["build", "--message-format", "json"]).success();
        let outcomes = outcomes(&output);
        let kept: Vec<_> = ERASED
            .iter()
            .filter(|state| outcomes[**state] != "Reset")
            .collect();
        assert!(kept.is_empty(), "{reason}: {kept:?} of {outcomes:?}");
        // What says all that it holds is not touched.
        assert_eq!(
            [&*outcomes["LAZY"], &*outcomes["LOCK"]],
            ["Kept", "Kept"],
            "{reason}"
        );
        assert!(
            output.stderr.contains(reason),
            "{reason} is not in {}",
            output.stderr
        );
        assert!(
            output.stderr.contains("`#[kt::state(keep)]`"),
            "{}",
            output.stderr
        );
        let generation = (number as u64 + 2).to_string();
        let seen = look(&project, number as u64 + 2);
        let now = [
            "POOL", "WORLD", "ANY", "TYPES", "OWN", "FOREIGN", "CLOSURE", "BYTES", "REGEX",
        ];
        for state in now {
            assert_eq!(seen[state], generation, "{state} after {reason}: {seen:?}");
        }
    }
}

#[test]
fn a_type_that_went_away_and_comes_back_otherwise_is_not_read_as_what_it_was() {
    let project = Project::of(Fixture::ERASED);
    project.append("src/types.rs", "\npub struct Gone {\n    pub x: u64,\n}\n");
    look(&project, 1);
    let outcomes = edit(
        &project,
        "src/types.rs",
        "\npub struct Gone {\n    pub x: u64,\n}\n",
        "",
    );
    assert_eq!(outcomes["ANY"], "Kept", "{outcomes:?}");
    project.append(
        "src/types.rs",
        "\npub struct Gone {\n    pub x: String,\n}\n",
    );
    // So that the crate's object is another.
    project.edit("src/main.rs", "0.05", "0.06");
    let output = project.kt(["build", "--message-format", "json"]).success();
    assert_eq!(self::outcomes(&output)["ANY"], "Reset");
    assert!(
        output.stderr.contains("`x` of `Gone`: `u64` → `String`"),
        "{}",
        output.stderr
    );
}

#[test]
fn an_author_may_vouch_for_what_cannot_be_seen() {
    let project = Project::of(Fixture::ERASED);
    look(&project, 1);
    // The attribute comes with the edit that it is needed for, and the value stays.
    project.edit(
        "src/held.rs",
        "#[kt::state]\npub static REGEX",
        "#[kt::state(keep)]\npub static REGEX",
    );
    project.edit(
        "src/main.rs",
        "Unrelated { line: 1 }",
        "Unrelated { line: 1, more: 0 }",
    );
    let outcomes = edit(
        &project,
        "src/main.rs",
        "    line: u32,\n",
        "    line: u32,\n    more: u8,\n",
    );
    assert_eq!(
        [&*outcomes["REGEX"], &*outcomes["ANY"]],
        ["Kept", "Reset"],
        "{outcomes:?}"
    );
    let list = project.kt(["state", "ls"]).success();
    assert!(list.stdout.contains("forced by `keep`"), "{}", list.stdout);
    assert_eq!(look(&project, 2)["REGEX"], "1");

    // What can be seen is compared as ever.
    project.edit(
        "src/held.rs",
        "Mutex<Vec<regex::Regex>>",
        "Mutex<std::collections::VecDeque<regex::Regex>>",
    );
    project.edit("src/held.rs", "pub static REGEX: Mutex<std::collections::VecDeque<regex::Regex>> = Mutex::new(Vec::new())",
        "pub static REGEX: Mutex<std::collections::VecDeque<regex::Regex>> = Mutex::new(std::collections::VecDeque::new())");
    project.edit("src/held.rs", "all.push(regex", "all.push_back(regex");
    let outcomes = self::outcomes(&project.kt(["build", "--message-format", "json"]).success());
    assert_eq!(outcomes["REGEX"], "Reset", "{outcomes:?}");
}
