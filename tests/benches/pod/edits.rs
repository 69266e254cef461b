//! The time from the write of a file to the new code's answer from the pod, compared with a local
//! `cargo run` of the same edit, and the bytes sent over the network.

use std::time::Instant;

use serde_json::json;

use crate::{
    cluster::Cluster,
    finding::{Finding, Goal, Unit},
    phases,
    support::{
        milestones::{Milestones, follow},
        workspace::{Workspace, first_edition},
    },
};

/// Kt's time relative to that of `cargo run`.
const GOAL: f64 = 0.5;
/// The maximum of bytes that an edit may send.
const SMALL: f64 = 32.0 * 1024.0;
/// Edits of each kind whose bytes are counted.
const ROUNDS: u32 = 3;
/// The file with the edited line: in the binary.
const FILE: &str = "app/src/ask.rs";

/// The edited line for an edition.
type Line = fn(u32) -> String;

/// The lines after the timed edits, in this order in each round.
const LINES: [(&str, Line); 3] = [
    ("sent for another number in a line", |edition| {
        format!("let edition = {edition};")
    }),
    ("sent for a statement more in it", |edition| {
        line(edition, "edition {edition} is not asked about")
    }),
    ("sent for a longer text in it", |edition| {
        line(
            edition,
            "edition {edition} is not what anybody would ever ask about",
        )
    }),
];

fn line(edition: u32, text: &str) -> String {
    format!(
        "let edition = {edition}; if std::hint::black_box(edition) == u32::MAX {{ eprintln!(\"{text}\"); }}"
    )
}

/// Edits and runs in alternation.
pub fn measure(cluster: &Cluster, runs: usize) -> Vec<Finding> {
    // The same workspaces as the benchmark of edits, whose dependencies may be compiled already.
    let (warm, plain) = (
        Workspace::of("bench", "edit-kt"),
        Workspace::of("bench", "edit-cargo"),
    );
    let run = ["run", "--package", "app"];
    let over_kt = || cluster.kt(&warm, &run);
    // The messages contain the bytes. They also change the build strategy, so these runs are not
    // timed.
    let with_messages = [&run[..], &["--message-format", "json"]].concat();
    let with_messages = || cluster.kt(&warm, &with_messages);
    let over_cargo = || cluster.cargo(&plain, &run);
    println!("Warming up (edits)");
    answer(follow(over_kt(), Instant::now()), 0);
    answer(follow(over_cargo(), Instant::now()), 0);
    let (mut kt, mut cargo) = (Vec::new(), Vec::new());
    // The first round is not counted: it fills the incremental compilation cache.
    let first = first_edition();
    let plain_edits = first..=first + runs as u32;
    for edition in plain_edits.clone() {
        let edited = warm.with_edition(FILE, edition);
        let from = Instant::now();
        edited.write();
        kt.push(answer(follow(over_kt(), from), edition));
        let edited = plain.with_edition(FILE, edition);
        let from = Instant::now();
        edited.write();
        cargo.push(answer(follow(over_cargo(), from), edition));
    }
    let (kt, cargo) = (&kt[1..], &cargo[1..]);
    // Each round starts with the plain line, so that each edit changes what its name says.
    let mut sizes = LINES.map(|(name, _)| bytes(name, Vec::new()));
    for round in 0..ROUNDS {
        let edition = plain_edits.end() + 1 + 2 * round;
        warm.with_edition(FILE, edition).write();
        answer(follow(with_messages(), Instant::now()), edition);
        for ((_, line), finding) in LINES.iter().zip(&mut sizes) {
            let edition = edition + 1;
            warm.with_line(FILE, &line(edition)).write();
            let run = answer(follow(with_messages(), Instant::now()), edition);
            finding.kt.push(sent(&run));
        }
    }
    let seconds = |runs: &[Milestones]| runs.iter().map(|run| run.answered).collect();
    let edit = Finding {
        name: "edit→answer: a number in the binary",
        unit: Unit::Seconds,
        kt: seconds(kt),
        baseline: seconds(cargo),
        goal: Goal::Ratio(GOAL),
        phases: phases::together(kt),
    };
    std::iter::once(edit).chain(sizes).collect()
}

fn bytes(name: &'static str, sent: Vec<f64>) -> Finding {
    Finding {
        name,
        unit: Unit::Bytes,
        kt: sent,
        baseline: Vec::new(),
        goal: Goal::Most(SMALL),
        phases: Vec::new(),
    }
}

/// Checks that the edited line answered: an answer from old code is fast, but does not count.
fn answer(run: Milestones, edition: u32) -> Milestones {
    assert_eq!(run.answer["app"], json!(edition), "{}", run.answer);
    assert_eq!(run.answer["requests"], 50, "{}", run.answer);
    run
}

fn sent(run: &Milestones) -> f64 {
    let mut shipped = run.messages("kt-shipped");
    let (shipped, _) = shipped.next().expect("an edit is shipped");
    shipped["sent"].as_f64().expect("a number of bytes")
}
