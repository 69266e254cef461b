//! A measurement and its goal.

use serde::Serialize;

use crate::{
    phases::{self, Phase},
    support::{
        numbers::{median, range},
        table,
    },
};

/// A quantity measured with kt and without.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub unit: Unit,
    pub kt: Vec<f64>,
    /// Empty if there is no baseline.
    pub baseline: Vec<f64>,
    pub goal: Goal,
    /// The phases of kt's time.
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Seconds,
    Micros,
    Bytes,
}

/// The limit to reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Kt takes at most this multiple of the baseline.
    Ratio(f64),
    /// Kt takes at most this much more than the baseline.
    Difference(f64),
    /// No run exceeds this.
    Most(f64),
    /// For information only.
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
    /// The value that the goal limits: the median over pairs of rounds. On a shared machine, a
    /// later round may be half as fast for both.
    fn compared(&self) -> f64 {
        let pairs = || self.kt.iter().zip(&self.baseline);
        match self.goal {
            Goal::Difference(_) => median(pairs().map(|(kt, baseline)| kt - baseline)),
            Goal::Most(_) => range(&self.kt).1,
            Goal::Ratio(_) | Goal::None => median(pairs().map(|(kt, baseline)| kt / baseline)),
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
            self.unit.with_range(&self.baseline),
            comparison,
            format!("{goal}{missed}"),
        ]
    }
}

/// Prints the table of all findings, and the phases of each.
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
