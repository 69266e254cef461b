//! The host's event log, one line per event, in a file of bounded size.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// Size in bytes at which the file is renamed to `host.log.old`.
const LIMIT: u64 = 256 << 10;

/// Writes lines with a UTC timestamp. Ignores write errors: the host keeps running.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Journal {
    pub fn open(directory: &Path) -> Self {
        let path = directory.join("host.log");
        let file = Mutex::new(append_to(&path).ok());
        Self { path, file }
    }

    pub fn log(&self, event: impl fmt::Display) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let line = format!("{} {event}\n", Utc(now.as_secs()));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let full = file
            .as_ref()
            .is_some_and(|file| file.metadata().is_ok_and(|data| data.len() >= LIMIT));
        if full {
            let _ = fs::rename(&self.path, self.path.with_extension("log.old"));
            *file = append_to(&self.path).ok();
        }
        if let Some(file) = file.as_mut() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// Seconds since the epoch, displayed as RFC 3339.
struct Utc(u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Days to a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
        // civil_from_days. Its years begin in March, so that a leap day is the last day of a year.
        let (days, second) = (self.0 / 86400 + 719_468, self.0 % 86400);
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + u64::from(month <= 2);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let second = second % 60;
        write!(
            f,
            "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn timestamps_match_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Utc(seconds).to_string(), text);
        }
    }

    #[test]
    fn the_file_size_is_bounded() {
        let directory = Scratch::new("journal");
        let journal = Journal::open(directory.path());
        for _ in 0..600 {
            journal.log("x".repeat(2000));
        }
        for name in ["host.log", "host.log.old"] {
            let length = fs::metadata(directory.path().join(name)).unwrap().len();
            assert!(length > 0 && length < LIMIT + 3000, "{name}: {length}");
        }
    }
}
