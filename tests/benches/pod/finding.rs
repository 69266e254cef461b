//! What was measured against a goal.

use serde::Serialize;

use crate::{
    phases::{self, Phase},
    support::{
        numbers::{median, range},
        table,
    },
};

/// One thing that was measured with kt and without.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub unit: Unit,
    pub kt: Vec<f64>,
    /// None where there is nothing to compare with.
    pub rival: Vec<f64>,
    pub goal: Goal,
    /// Where kt's time goes.
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Seconds,
    Micros,
    Bytes,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Kt takes at most so many times what the rival takes.
    Ratio(f64),
    /// Kt takes at most so much more than the rival.
    Difference(f64),
    /// No run has more.
    Most(f64),
    /// For information.
    None,
}

impl Unit {
    fn value(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{value:.2} s"),
            Self::Micros => format!("{value:.0} µs"),
            Self::Bytes => format!("{value:.0} B"),
        }
    }

    fn with_range(self, values: &[f64]) -> String {
        let bare = |value| {
            let text = self.value(value);
            text.split(' ').next().unwrap_or_default().to_owned()
        };
        match values {
            [] => String::new(),
            _ => {
                let (least, most) = range(values);
                let middle = self.value(median(values.iter().copied()));
                format!("{middle} ({}–{})", bare(least), bare(most))
            }
        }
    }
}

impl Finding {
    /// What the goal is about, of each pair of turns by itself: a machine that is shared may be half as fast a round later, for
    /// both.
    fn compared(&self) -> f64 {
        let pairs = || self.kt.iter().zip(&self.rival);
        match self.goal {
            Goal::Difference(_) => median(pairs().map(|(kt, rival)| kt - rival)),
            Goal::Most(_) => range(&self.kt).1,
            Goal::Ratio(_) | Goal::None => median(pairs().map(|(kt, rival)| kt / rival)),
        }
    }

    fn row(&self) -> Vec<String> {
        let compared = self.compared();
        let (comparison, goal, limit) = match self.goal {
            Goal::Ratio(limit) => (
                format!("{compared:.2} ×"),
                format!("at most {limit} ×"),
                limit,
            ),
            Goal::Difference(limit) => {
                let goal = format!("at most {} more", self.unit.value(limit));
                (format!("{} more", self.unit.value(compared)), goal, limit)
            }
            Goal::Most(limit) => {
                let goal = format!("at most {}", self.unit.value(limit));
                (
                    format!("at most {}", self.unit.value(compared)),
                    goal,
                    limit,
                )
            }
            Goal::None => (format!("{compared:.2} ×"), String::new(), f64::INFINITY),
        };
        let missed = if compared > limit { ": missed" } else { "" };
        vec![
            self.name.into(),
            self.unit.with_range(&self.kt),
            self.unit.with_range(&self.rival),
            comparison,
            format!("{goal}{missed}"),
        ]
    }
}

/// Prints the table of all, and where the time of each goes.
pub fn print(findings: &[Finding]) {
    println!("\n## In a pod\n");
    let head = table::row(["", "kt", "without", "compared", "goal"]);
    let rows: Vec<_> = [head]
        .into_iter()
        .chain(findings.iter().map(Finding::row))
        .collect();
    table::print(&rows);
    for finding in findings {
        if !finding.phases.is_empty() {
            phases::print(finding.name, &finding.phases);
        }
    }
}
