//! The phases of a run, from its status lines. `--message-format json` would make the edit compile
//! through cargo, which takes longer than a developer's run.

use serde::Serialize;

use crate::support::{
    milestones::Milestones,
    numbers::{median, range},
    table,
};

/// One phase of many runs.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    pub name: String,
    pub seconds: Vec<f64>,
}

/// The verb at the end of a phase, and the phase. The last line of a verb counts.
const PHASES: [(&str, &str); 11] = [
    ("Linking", "compile and link"),
    (
        "Created",
        "created: `cargo kt` plans and applies the objects",
    ),
    ("Scheduled", "scheduled"),
    (
        "Pulled",
        "pulled: volumes are mounted, the sandbox is created",
    ),
    ("Started", "started"),
    ("Connected", "connected"),
    (
        "Uploaded",
        "uploaded: port-forward, then upload and start of the host",
    ),
    ("Ready", "ready"),
    ("Shipping", "ship the objects that the pod lacks"),
    ("Swapped", "load and swap"),
    ("Answered", "the program starts and is answered"),
];

/// A run's phases in order of their ends. Each starts at the end of the one before, and the last
/// ends with the answer.
fn of(run: &Milestones) -> Vec<(String, f64)> {
    let ends = PHASES.iter().filter_map(|(verb, name)| {
        let end = run.steps().filter(|(step, _)| step == verb).last()?.1;
        // The program's line may precede the status line about its answer.
        Some(((*name).to_owned(), end.min(run.answered)))
    });
    let mut ends: Vec<(String, f64)> = ends.collect();
    ends.push(("the program prints".into(), run.answered));
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut begin = 0.0;
    let lengths = ends.into_iter().map(|(name, end)| {
        let length = end - std::mem::replace(&mut begin, end);
        (name, length)
    });
    lengths.collect()
}

/// The phases of many runs, in the order of the run with the most phases. A missing phase counts as
/// zero.
pub fn together(runs: &[Milestones]) -> Vec<Phase> {
    let runs: Vec<_> = runs.iter().map(of).collect();
    let Some(longest) = runs.iter().max_by_key(|run| run.len()) else {
        return Vec::new();
    };
    let phase = |name: &String| {
        let length = |run: &Vec<(String, f64)>| {
            let found = run.iter().filter(|(other, _)| other == name);
            found.map(|(_, length)| length).sum()
        };
        Phase {
            name: name.clone(),
            seconds: runs.iter().map(length).collect(),
        }
    };
    longest.iter().map(|(name, _)| phase(name)).collect()
}

/// Prints the phases as a table.
pub fn print(title: &str, phases: &[Phase]) {
    println!("\n{title}, medians and ranges:\n");
    let mut rows = vec![table::row(["phase", "ms", "range"])];
    for phase in phases {
        let (least, most) = range(&phase.seconds);
        let middle = median(phase.seconds.iter().copied());
        rows.push(vec![
            phase.name.clone(),
            millis(middle),
            format!("{}–{}", millis(least), millis(most)),
        ]);
    }
    table::print(&rows);
}

fn millis(seconds: f64) -> String {
    let millis = seconds * 1e3;
    match millis < 10.0 {
        true => format!("{millis:.2}"),
        false => format!("{millis:.0}"),
    }
}
