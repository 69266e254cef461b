//! What the demos share. It is a crate of its own on purpose: edit it, and only it and the demo are built again.

use std::time::Duration;

/// The value in the middle of the sorted ones; the upper one of two.
pub fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations
        .get(durations.len() / 2)
        .copied()
        .unwrap_or_default()
}

/// One line of a table: a name and how long it took.
pub fn row(name: &str, took: Duration) -> String {
    format!("{name:<36} {took:>12.3?}")
}
