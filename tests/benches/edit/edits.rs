//! The time from the write of a file to the new code's answer.

use std::{collections::BTreeMap, process::Command, time::Instant};

use serde_json::{Value, json};

use crate::support::{
    milestones::{Milestones, follow},
    numbers::{median, range},
    table,
    workspace::{Tool, Workspace, first_edition},
};

/// An edited line, one for each kind of crate.
struct Edit {
    /// Its name in the table.
    name: &'static str,
    /// The crate, and the field of the answer that shows the edit.
    krate: &'static str,
    file: &'static str,
}

const EDITS: [Edit; 3] = [
    Edit {
        name: "the binary",
        krate: "app",
        file: "app/src/ask.rs",
    },
    Edit {
        name: "a leaf: only the binary uses it",
        krate: "reports",
        file: "reports/src/lib.rs",
    },
    Edit {
        name: "the deepest: both others use it",
        krate: "records",
        file: "records/src/lib.rs",
    },
];

/// The compared commands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum With {
    Kt,
    Cargo,
}

/// A part of a run's time, and the message at its end. Some commands do not print it.
struct Phase {
    name: &'static str,
    end: fn(&Milestones) -> Option<f64>,
}

const PHASES: [Phase; 5] = [
    Phase {
        name: "cargo starts",
        end: |run| run.first(&["Compiling"]),
    },
    Phase {
        name: "compile (`cargo run`: and link)",
        end: |run| run.last(&["Finished"]),
    },
    Phase {
        name: "link",
        end: |run| run.last(&["Linking"]),
    },
    Phase {
        name: "ship and swap",
        end: |run| run.last(&["Swapped"]),
    },
    Phase {
        name: "the program starts and is answered",
        end: |run| Some(run.answered),
    },
];

/// A copy of the program for each command, and the editions that its crates must answer with.
struct Subject {
    with: With,
    workspace: Workspace,
    editions: BTreeMap<&'static str, u32>,
}

impl Subject {
    fn new(with: With) -> Self {
        let name = match with {
            With::Kt => "edit-kt",
            With::Cargo => "edit-cargo",
        };
        let workspace = Workspace::of("bench", name);
        Self {
            with,
            workspace,
            editions: EDITS.iter().map(|edit| (edit.krate, 0)).collect(),
        }
    }

    fn command(&self, tool: &Tool, profile: &str) -> Command {
        let run: &[&str] = match self.with {
            With::Kt => &["kt", "run", "--package", "app"],
            With::Cargo => &["run", "--package", "app"],
        };
        let command = self
            .workspace
            .cargo(&[run, &["--profile", profile]].concat());
        tool.lend(command)
    }

    /// Runs the program without an edit.
    fn run(&self, tool: &Tool, profile: &str, from: Instant) -> Milestones {
        let run = follow(self.command(tool, profile), from);
        // An answer from old code is fast, but does not count.
        for (krate, edition) in &self.editions {
            assert_eq!(
                run.answer[krate],
                json!(edition),
                "{krate} must answer as edited: {}",
                run.answer
            );
        }
        assert_eq!(run.answer["requests"], 50, "{}", run.answer);
        run
    }

    /// Edits a line and runs it.
    fn edit(&mut self, tool: &Tool, profile: &str, edit: &Edit, edition: u32) -> Milestones {
        let edited = self.workspace.with_edition(edit.file, edition);
        self.editions.insert(edit.krate, edition);
        let from = Instant::now();
        edited.write();
        self.run(tool, profile, from)
    }
}

/// Measures all edits in one profile, prints the tables and returns the result.
pub fn measure(tool: &Tool, profile: &str, runs: usize) -> Value {
    let mut subjects = [With::Kt, With::Cargo].map(Subject::new);
    println!("Warming up ({profile})");
    for subject in &subjects {
        subject.run(tool, profile, Instant::now());
    }
    let mut edition = first_edition();
    let mut measured: BTreeMap<(usize, With), Vec<Milestones>> = BTreeMap::new();
    // The first round is not counted: it fills the incremental compilation cache.
    for round in 0..=runs {
        for (index, edit) in EDITS.iter().enumerate() {
            edition += 1;
            for subject in &mut subjects {
                let run = subject.edit(tool, profile, edit, edition);
                if round > 0 {
                    measured.entry((index, subject.with)).or_default().push(run);
                }
            }
        }
    }
    print(profile, runs, &measured)
}

fn print(profile: &str, runs: usize, measured: &BTreeMap<(usize, With), Vec<Milestones>>) -> Value {
    println!("\n## Edit to answer, {profile} (medians of {runs}, seconds)\n");
    let mut rows = vec![table::row([
        "edited crate",
        "cargo kt run",
        "range",
        "cargo run",
        "range",
        "ratio",
    ])];
    let mut phases = vec![table::row([
        "where the time goes",
        "binary",
        "leaf",
        "deepest",
    ])];
    let mut edits = Vec::new();
    for (index, edit) in EDITS.iter().enumerate() {
        let answered = |with| -> Vec<f64> {
            measured[&(index, with)]
                .iter()
                .map(|run| run.answered)
                .collect()
        };
        let (kt, cargo) = (answered(With::Kt), answered(With::Cargo));
        let ratio = median(kt.iter().copied()) / median(cargo.iter().copied());
        let time = |times: &[f64]| format!("{:.2}", median(times.iter().copied()));
        let spread = |times: &[f64]| {
            let (least, most) = range(times);
            format!("{least:.2}–{most:.2}")
        };
        rows.push(vec![
            edit.name.into(),
            time(&kt),
            spread(&kt),
            time(&cargo),
            spread(&cargo),
            format!("{ratio:.2}"),
        ]);
        edits.push(json!({
            "crate": edit.krate, "kt": kt, "cargo": cargo, "ratio": ratio,
            "kt_phases": phase_times(&measured[&(index, With::Kt)]),
            "cargo_phases": phase_times(&measured[&(index, With::Cargo)]),
        }));
    }
    table::print(&rows);
    for (with, name) in [(With::Kt, "kt"), (With::Cargo, "cargo")] {
        for (phase, Phase { name: title, .. }) in PHASES.iter().enumerate() {
            let times = (0..EDITS.len()).map(|edit| phase_times(&measured[&(edit, with)])[phase].1);
            let cells: Vec<String> = times
                .map(|time| time.map_or("–".into(), |time| format!("{time:.3}")))
                .collect();
            if cells.iter().any(|cell| cell != "–") {
                phases.push(
                    [
                        vec![format!("`{name} run`: {title}").replace("`kt", "`cargo kt")],
                        cells,
                    ]
                    .concat(),
                );
            }
        }
    }
    println!();
    table::print(&phases);
    json!({ "profile": profile, "runs": runs, "edits": edits })
}

/// The median time of each phase; `None` if the command does not have the phase.
fn phase_times(runs: &[Milestones]) -> Vec<(&'static str, Option<f64>)> {
    let mut lengths: Vec<Vec<f64>> = vec![Vec::new(); PHASES.len()];
    for run in runs {
        let mut begin = 0.0;
        for (phase, lengths) in PHASES.iter().zip(&mut lengths) {
            if let Some(end) = (phase.end)(run) {
                lengths.push(end - begin);
                begin = end;
            }
        }
    }
    let names = PHASES.iter().map(|phase| phase.name);
    names
        .zip(
            lengths
                .into_iter()
                .map(|lengths| (!lengths.is_empty()).then(|| median(lengths))),
        )
        .collect()
}
