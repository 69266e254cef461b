//! kt's own log: filters, timestamps, and log files of bounded size. For the processes of kt only:
//! a worker and a driver belong to the user.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::FilterExt,
    fmt::{format::Writer, time::FormatTime},
    layer::SubscriberExt,
    registry,
};

/// The environment variable with filter directives.
pub const VARIABLE: &str = "KT_LOG";

/// Size in bytes at which a file is renamed to `NAME.log.old`.
const LIMIT: u64 = 256 << 10;

/// The filter directives are invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFilter {
    directives: String,
    why: String,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directives, why } = self;
        write!(f, "invalid {VARIABLE} `{directives}`: {why}")
    }
}

impl std::error::Error for InvalidFilter {}

/// The filter in [`VARIABLE`]; `None` if it is unset or empty.
///
/// # Errors
/// If it is invalid.
pub fn requested() -> Result<Option<EnvFilter>, InvalidFilter> {
    match std::env::var_os(VARIABLE) {
        Some(directives) if !directives.is_empty() => {
            filter(&directives.to_string_lossy()).map(Some)
        }
        _ => Ok(None),
    }
}

/// Parses filter directives. A level alone applies to kt's own crates: hyper and h2 log each frame.
fn filter(directives: &str) -> Result<EnvFilter, InvalidFilter> {
    if let Ok(level) = directives.trim().parse() {
        return Ok(own_crates(level));
    }
    let invalid = |why: String| InvalidFilter {
        directives: directives.to_owned(),
        why,
    };
    EnvFilter::builder()
        .parse(directives)
        .map_err(|error| invalid(error.to_string()))
}

/// Selects the events of kt's own crates.
fn own_crates(level: LevelFilter) -> EnvFilter {
    EnvFilter::new(format!("cargo_kt={level},kt={level}"))
}

/// A subscriber that writes to a file: at least the level info of kt's own crates, and what
/// [`VARIABLE`] requests.
pub fn to_file(path: &Path) -> Dispatch {
    let (requested, invalid) = match requested() {
        Ok(requested) => (requested, None),
        Err(error) => (None, Some(error)),
    };
    let requested = requested.unwrap_or_else(|| EnvFilter::new("off"));
    let writer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(Timestamp)
        .with_writer(Arc::new(LogFile::open(path)))
        .with_filter(own_crates(LevelFilter::INFO).or(requested));
    let dispatch = Dispatch::new(registry().with(writer));
    if let Some(error) = invalid {
        tracing::dispatcher::with_default(&dispatch, || tracing::warn!("{error}"));
    }
    dispatch
}

/// The current time as RFC 3339, UTC with milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp;

impl FormatTime for Timestamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        write!(writer, "{now}")
    }
}

/// A log file of bounded size. Ignores write errors: the process keeps running.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl LogFile {
    fn open(path: &Path) -> Self {
        let file = Mutex::new(append_to(path).ok());
        let path = path.to_owned();
        Self { path, file }
    }
}

impl Write for &LogFile {
    /// Writes an event. The subscriber passes each event in one piece.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let full = file
            .as_ref()
            .is_some_and(|file| file.metadata().is_ok_and(|data| data.len() >= LIMIT));
        if full {
            let _ = fs::rename(&self.path, self.path.with_extension("log.old"));
            *file = append_to(&self.path).ok();
        }
        if let Some(file) = file.as_mut() {
            let _ = file.write_all(event);
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use tracing::dispatcher::with_default;

    use super::*;
    use crate::sys::scratch::Scratch;

    /// A path in `directory`, and the text of the file after `work` has logged to it.
    fn logged(directory: &Scratch, work: impl FnOnce()) -> String {
        let path = directory.path().join("host.log");
        with_default(&to_file(&path), work);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_line_has_a_timestamp_with_milliseconds() {
        let directory = Scratch::new("log-line");
        let line = logged(&directory, || tracing::info!("serving {}", "one"));
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{line}");
        let time = humantime::parse_rfc3339(time).unwrap();
        assert!(time.elapsed().unwrap().as_secs() < 60, "{line}");
        assert_eq!(
            rest.trim_start(),
            "INFO kt::host::logging::tests: serving one\n"
        );
    }

    #[test]
    fn a_file_has_the_info_level_of_kts_own_crates() {
        let directory = Scratch::new("log-level");
        let text = logged(&directory, || {
            tracing::debug!("detail");
            tracing::error!(target: "h2", "frame");
            tracing::info!(target: "cargo_kt::place", "step");
        });
        assert!(text.contains("step"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn the_size_of_a_file_is_bounded() {
        let directory = Scratch::new("log-size");
        logged(&directory, || {
            for _ in 0..600 {
                tracing::info!("{}", "x".repeat(2000));
            }
        });
        for name in ["host.log", "host.log.old"] {
            let length = fs::metadata(directory.path().join(name)).unwrap().len();
            assert!(length > 0 && length < LIMIT + 3000, "{name}: {length}");
        }
    }

    #[test]
    fn a_level_applies_to_kts_own_crates() {
        assert_eq!(
            filter("debug").unwrap().to_string(),
            own_crates(LevelFilter::DEBUG).to_string()
        );
        assert_eq!(
            filter("cargo_kt::place=trace,h2=info").unwrap().to_string(),
            "cargo_kt::place=trace,h2=info"
        );
    }

    #[test]
    fn an_invalid_filter_is_an_error() {
        let error = filter("cargo_kt=loud").unwrap_err().to_string();
        assert!(
            error.starts_with("invalid KT_LOG `cargo_kt=loud`: "),
            "{error}"
        );
    }
}
