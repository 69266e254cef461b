//! What the demos share. It is a crate of its own on purpose: edit it, and only it and the demo are built again.

use std::time::Duration;

/// The duration that so many of a hundred are not longer than.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    let last = durations.len().saturating_sub(1);
    durations
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}

/// One line of a table: a name and how long it took, in the same unit on every line.
pub fn row(name: &str, took: Duration) -> String {
    format!("{name:<38} {:>12}", millis(took))
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}
