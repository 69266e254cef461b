//! From the write of a file to the new code's answer out of the pod, against `cargo run` of the same edit here, and what goes over
//! the network for it.

use std::time::Instant;

use serde_json::json;

use crate::{
    cluster::Cluster,
    finding::{Finding, Goal, Unit},
    phases,
    support::{
        milestones::{Milestones, follow},
        workspace::Workspace,
    },
};

/// Kt's time against that of `cargo run`.
const GOAL: f64 = 0.5;
/// Bytes that an edit may send.
const SMALL: f64 = 32.0 * 1024.0;
/// The line that is edited: in the binary.
const FILE: &str = "app/src/ask.rs";

/// Edits and runs in turns.
pub fn measure(cluster: &Cluster, runs: usize) -> Vec<Finding> {
    // Those of the benchmark of edits, whose dependencies may be compiled already.
    let (warm, plain) = (
        Workspace::of("bench", "edit-kt"),
        Workspace::of("bench", "edit-cargo"),
    );
    let over_kt = ["run", "--package", "app", "--message-format", "json"];
    let over_kt = || cluster.kt(&warm, &over_kt);
    let over_cargo = || cluster.cargo(&plain, &["run", "--package", "app"]);
    println!("Warming up (edits)");
    answer(follow(over_kt(), Instant::now()), 0);
    answer(follow(over_cargo(), Instant::now()), 0);
    let (mut kt, mut cargo) = (Vec::new(), Vec::new());
    // The first round is not counted: incremental compilation starts with it.
    for edition in 1..=runs as u32 + 1 {
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
    let seconds = |runs: &[Milestones]| runs.iter().map(|run| run.answered).collect();
    vec![
        Finding {
            name: "edit→answer, the binary",
            unit: Unit::Seconds,
            kt: seconds(kt),
            rival: seconds(cargo),
            goal: Goal::Ratio(GOAL),
            phases: phases::together(kt),
        },
        Finding {
            name: "sent for that edit",
            unit: Unit::Bytes,
            kt: kt.iter().map(sent).collect(),
            rival: Vec::new(),
            goal: Goal::Most(SMALL),
            phases: Vec::new(),
        },
    ]
}

/// The run, if it is the edited line that has answered: a fast answer from old code is no answer.
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
