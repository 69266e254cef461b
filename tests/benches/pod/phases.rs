//! Where the time of a run goes, by the lines that it prints for a person. Not by `--message-format json`: cargo's own messages
//! are among those, so that an edit would go through cargo and take longer than it does for a developer.

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

/// The verb that ends a phase, and the phase. The last line of a verb counts.
const PHASES: [(&str, &str); 11] = [
    ("Linking", "compile and link"),
    (
        "Created",
        "created: `cargo kt` plans and applies the objects",
    ),
    ("Scheduled", "scheduled"),
    ("Pulled", "pulled: volumes are mounted, the sandbox is made"),
    ("Started", "started"),
    ("Connected", "connected"),
    (
        "Uploaded",
        "uploaded: a port-forward, then the host goes over and starts",
    ),
    ("Ready", "ready"),
    ("Shipping", "ship the objects that the pod lacks"),
    ("Swapped", "load and swap"),
    ("Answered", "the program starts and is answered"),
];

/// A run's phases in the order of their ends, each from the end of the one before; the last ends with the answer.
fn of(run: &Milestones) -> Vec<(String, f64)> {
    let ends = PHASES.iter().filter_map(|(verb, name)| {
        let end = run.steps().filter(|(said, _)| said == verb).last()?.1;
        // The program's line may come before the one that tells of its answer.
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

/// The phases of many runs, in the order of the one that has most. A run without one of them took no time for it.
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

/// Prints them as a table.
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
