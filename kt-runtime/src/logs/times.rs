//! Times of output: a file next to the segments, with at most one mark per second.
//!
//! A mark is the time of a write, in milliseconds since the epoch, and the position before it, both
//! `u64 LE`. The bytes between two marks were printed within a second of the first: the cost is one
//! record per second.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Minimum time between two marks, in milliseconds.
pub(super) const INTERVAL: u64 = 1000;
const MARK: usize = 16;

fn path(directory: &Path) -> PathBuf {
    directory.join("times")
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Writes the marks of one writer.
#[derive(Debug, Default)]
pub(super) struct Marker {
    /// Time of this writer's latest mark.
    last: u64,
}

impl Marker {
    /// Whether the latest mark is too old.
    pub(super) fn is_due(&self) -> bool {
        let now = now();
        // If the clock was set back, a new mark is due.
        now < self.last || now - self.last >= INTERVAL
    }

    /// Marks the bytes from `position` on with the current time. If the mark cannot be written,
    /// output continues.
    pub(super) fn mark(&mut self, directory: &Path, position: u64) {
        let now = now();
        self.last = now;
        let mut mark = [0; MARK];
        mark[..8].copy_from_slice(&now.to_le_bytes());
        mark[8..].copy_from_slice(&position.to_le_bytes());
        let file = File::options()
            .create(true)
            .append(true)
            .open(path(directory));
        let _ = file.and_then(|mut file| file.write_all(&mark));
    }
}

/// Removes the marks of removed segments.
pub(super) fn prune(directory: &Path, oldest: u64) -> io::Result<()> {
    let path = path(directory);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let kept: Vec<u8> = marks(&bytes)
        .filter(|(_, position)| *position >= oldest)
        .flat_map(|(time, position)| [time.to_le_bytes(), position.to_le_bytes()].concat())
        .collect();
    let temporary = path.with_extension("new");
    fs::write(&temporary, kept)?;
    fs::rename(temporary, path)
}

/// The position from which the log contains everything printed in the last `milliseconds`, and at
/// most one second more; `None` if nothing was printed.
#[cfg(feature = "host")]
pub(super) fn since(directory: &Path, milliseconds: u64) -> Option<u64> {
    let bytes = fs::read(path(directory)).ok()?;
    let from = now().saturating_sub(milliseconds);
    let mut marks = marks(&bytes);
    marks
        .find(|(time, _)| time.saturating_add(INTERVAL) > from)
        .map(|(_, position)| position)
}

/// Ignores an incomplete mark at the end.
fn marks(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    bytes.chunks_exact(MARK).filter_map(|mark| {
        let (time, position) = mark.split_at(8);
        Some((
            u64::from_le_bytes(time.try_into().ok()?),
            u64::from_le_bytes(position.try_into().ok()?),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn write(directory: &Path, marks: &[(u64, u64)]) {
        let bytes: Vec<u8> = marks
            .iter()
            .flat_map(|(ago, position)| {
                [(now() - ago).to_le_bytes(), position.to_le_bytes()].concat()
            })
            .collect();
        fs::write(path(directory), bytes).unwrap();
    }

    #[test]
    fn the_position_includes_everything_since_then() {
        let directory = Scratch::new("log-times");
        write(
            directory.path(),
            &[(60_000, 0), (30_000, 100), (29_000, 200), (5_000, 300)],
        );
        let since = |seconds: u64| since(directory.path(), seconds * 1000);
        assert_eq!(since(3600), Some(0));
        assert_eq!(since(45), Some(100));
        assert_eq!(since(10), Some(300));
        assert_eq!(since(2), None);
    }

    #[test]
    fn a_writer_marks_at_most_once_a_second() {
        let directory = Scratch::new("log-marks");
        let mut marker = Marker::default();
        assert!(marker.is_due());
        marker.mark(directory.path(), 0);
        assert!(!marker.is_due());
        assert_eq!(since(directory.path(), 1000), Some(0));
        // As if a second had passed.
        marker.last -= INTERVAL;
        assert!(marker.is_due());
        marker.mark(directory.path(), 20);
        let bytes = fs::read(path(directory.path())).unwrap();
        assert_eq!(
            marks(&bytes)
                .map(|(_, position)| position)
                .collect::<Vec<_>>(),
            [0, 20]
        );
    }

    #[test]
    fn marks_of_removed_segments_are_removed() {
        let directory = Scratch::new("log-prune");
        prune(directory.path(), 5).unwrap();
        write(
            directory.path(),
            &[(60_000, 0), (30_000, 100), (10_000, 200)],
        );
        prune(directory.path(), 100).unwrap();
        assert_eq!(since(directory.path(), 3_600_000), Some(100));
    }
}
