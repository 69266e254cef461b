//! Formats numbers for people.

use std::time::Duration;

/// `14.2 MB`: powers of ten, as cargo prints them for downloads.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// `0.31s` for ten milliseconds and more, as cargo does; `1.2ms` below. `humantime` would print all
/// digits: `310ms 417us 12ns`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.as_millis() {
        0..10 => format!("{:.1}ms", duration.as_secs_f64() * 1e3),
        10..60_000 => format!("{:.2}s", duration.as_secs_f64()),
        _ if seconds < 3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Aligned columns, separated by two spaces.
pub fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    });
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// `` `a`, `b` ``.
pub fn names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names = names.into_iter();
    let quoted: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

/// `1 object`, `2 objects`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_or_so() {
        assert_eq!(
            [999, 1_500, 14_234_567, 2_000_000_000].map(bytes),
            ["999 B", "1.5 kB", "14.2 MB", "2.00 GB"]
        );
        let ms =
            [1, 310, 61_000, 3_700_000, 90_000_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(ms, ["1.0ms", "0.31s", "1m 01s", "1h 01m", "1d 01h"]);
        assert_eq!(
            [count(1, "crate"), count(0, "crate")],
            ["1 crate", "0 crates"]
        );
    }
}
