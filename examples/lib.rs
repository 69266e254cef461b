//! Code that the demos share. It is a separate crate on purpose: after an edit, only it and the
//! demo are rebuilt.

use std::time::Duration;

/// The duration that `percent` percent of all durations do not exceed.
pub fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    let last = durations.len().saturating_sub(1);
    durations
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}

/// One line of a table: a name and a duration, always in milliseconds.
pub fn row(name: &str, took: Duration) -> String {
    format!("{name:<38} {:>12}", millis(took))
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}
