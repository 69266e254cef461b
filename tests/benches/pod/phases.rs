//! Where the time of a run goes, by the messages that it prints.

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

/// A run's phases in the order of their ends, each from the end of the one before; the last ends with the answer.
pub fn of(run: &Milestones) -> Vec<(String, f64)> {
    let mut ends: Vec<(String, f64)> = Vec::new();
    for (message, at) in run.messages("kt-linked") {
        let took = message["seconds"].as_f64().unwrap_or_default();
        // Where nothing was linked, nothing was compiled.
        if ends.is_empty() {
            ends.push(("compile".into(), at - took));
        }
        ends.retain(|(name, _)| name != "link");
        ends.push(("link".into(), at));
    }
    for (message, at) in run.messages("kt-launch") {
        let phase = message["phase"].as_str().unwrap_or_default();
        ends.push((phase.to_owned(), at));
    }
    let shipped = run.messages("kt-shipped");
    ends.extend(shipped.map(|(_, at)| ("ship".to_owned(), at)));
    let swapped = run.messages("kt-swapped");
    ends.extend(swapped.map(|(_, at)| ("load and swap".to_owned(), at)));
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
