//! `--host`: prints the log of a service's host. It is a file on this machine; that of a pod is
//! copied first.

use std::{
    ffi::OsString,
    fs, future,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use regex::bytes::Regex;
use serde_json::json;
use tempfile::TempDir;
use tokio::{signal::ctrl_c, time::sleep};

use crate::{
    command::{CommandError, cp, print::print_bytes},
    place::{
        Connected, HostLog, kubernetes,
        local::{self, HostProcess},
    },
    terminal::{Terminal, escape::escaped},
};

/// Interval between checks of a followed log.
const POLL: Duration = Duration::from_millis(100);
/// The same for a pod's, which is copied each time.
const POLL_POD: Duration = Duration::from_secs(2);
/// The exit code after Ctrl-C, as in a shell.
const INTERRUPTED: u8 = 130;

/// Which lines to print, and how.
pub(super) struct HostQuery {
    pub(super) since: Option<Duration>,
    pub(super) tail: Option<usize>,
    pub(super) grep: Option<Regex>,
    pub(super) follow: bool,
    pub(super) escapes: bool,
}

/// Prints the log until its end, or until the service stops.
pub(super) async fn print(
    log: HostLog,
    query: &HostQuery,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut source = Source::of(log)?;
    source.refresh().await?;
    let text = source.read();
    let mut lines = query.select(&text);
    if let Some(tail) = query.tail {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut has_reader = query.print(&lines, terminal)?;
    while has_reader && query.follow {
        let ended = tokio::select! {
            biased;
            () = source.host.stopped() => true,
            _ = ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
            () = sleep(source.host.poll()) => false,
        };
        // The pod may have been deleted with its service.
        let refreshed = source.refresh().await;
        has_reader = query.print(&query.select(&source.read()), terminal)?;
        if ended {
            break;
        }
        refreshed?;
    }
    Ok(ExitCode::SUCCESS)
}

impl HostQuery {
    /// The lines that match. A line without a timestamp belongs to the event before it.
    fn select<'a>(&self, text: &'a [u8]) -> Vec<&'a [u8]> {
        let now = SystemTime::now();
        let start = self.since.and_then(|since| now.checked_sub(since));
        let mut is_recent = start.is_none();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .filter(|line| {
                if let (Some(start), Some(time)) = (start, time(line)) {
                    is_recent = time >= start;
                }
                is_recent && self.grep.as_ref().is_none_or(|regex| regex.is_match(line))
            })
            .collect()
    }

    /// Returns false if the reader of standard output has closed it.
    fn print(&self, lines: &[&[u8]], terminal: &Terminal) -> Result<bool, CommandError> {
        for line in lines {
            if terminal.is_json() {
                let text = String::from_utf8_lossy(line);
                terminal.json(
                    "kt-host-log-line",
                    &json!({"text": text.trim_end_matches('\n')}),
                );
                continue;
            }
            let has_reader = match self.escapes {
                true => print_bytes(&escaped(line))?,
                false => print_bytes(line)?,
            };
            if !has_reader {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The time of a line that starts with one.
fn time(line: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(line).ok()?;
    let (time, _) = text.split_once(' ')?;
    humantime::parse_rfc3339(time).ok()
}

/// The host that writes a log.
enum Host {
    Stopped,
    Here(HostProcess),
    InPod {
        connected: Box<Connected>,
        /// The copy of its log.
        copy: TempDir,
    },
}

impl Host {
    fn poll(&self) -> Duration {
        match self {
            Self::Stopped | Self::Here(_) => POLL,
            Self::InPod { .. } => POLL_POD,
        }
    }

    /// Resolves when no more lines can follow. Call it again after each [`poll`](Self::poll).
    async fn stopped(&self) {
        match self {
            Self::Stopped => {}
            // A host closes its connections before it writes its last lines.
            Self::Here(process) if process.is_alive() => future::pending().await,
            Self::Here(_) => {}
            Self::InPod { connected, .. } => connected.ended().await,
        }
    }
}

/// The files of a log.
struct Source {
    folder: PathBuf,
    /// Bytes of the current file that were read.
    read: usize,
    /// Whether any were read.
    started: bool,
    host: Host,
}

impl Source {
    fn of(log: HostLog) -> Result<Self, CommandError> {
        let (folder, host) = match log {
            HostLog::Here(folder, process) => (folder, process.map_or(Host::Stopped, Host::Here)),
            HostLog::InPod(connected) => {
                let copy = TempDir::new().map_err(|source| CommandError::Io {
                    what: "create a temporary directory".into(),
                    source,
                })?;
                (copy.path().to_owned(), Host::InPod { connected, copy })
            }
        };
        Ok(Self {
            folder,
            read: 0,
            started: false,
            host,
        })
    }

    /// Copies a pod's log.
    async fn refresh(&self) -> Result<(), CommandError> {
        let Host::InPod { connected, copy } = &self.host else {
            return Ok(());
        };
        let directory = Path::new(kubernetes::HOST_DIRECTORY);
        // A short log has no older part.
        for name in local::HOST_LOGS {
            let file = OsString::from(directory.join(name));
            cp::fetch(connected, vec![file], copy.path().to_owned()).await?;
        }
        Ok(())
    }

    /// The bytes that are new since the last time.
    fn read(&mut self) -> Vec<u8> {
        let [mut old, new] =
            local::HOST_LOGS.map(|name| fs::read(self.folder.join(name)).unwrap_or_default());
        let mut text = Vec::new();
        if !self.started {
            text = old;
        } else if new.len() < self.read {
            // It was renamed in the meantime.
            text = old.split_off(self.read.min(old.len()));
            self.read = 0;
        }
        self.started = true;
        text.extend(&new[self.read.min(new.len())..]);
        self.read = new.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> HostQuery {
        HostQuery {
            since: None,
            tail: None,
            grep: None,
            follow: false,
            escapes: false,
        }
    }

    #[test]
    fn a_line_without_a_timestamp_has_that_of_its_event() {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let text = format!("2020-01-01T00:00:00.000Z old\nmore of it\n{now} new\nmore of it\n");
        let query = HostQuery {
            since: Some(Duration::from_secs(60)),
            ..query()
        };
        let lines = query.select(text.as_bytes()).concat();
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            format!("{now} new\nmore of it\n")
        );
    }

    #[test]
    fn a_followed_log_may_be_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let mut source = Source::of(HostLog::Here(folder.path().to_owned(), None)).unwrap();
        write("host.log.old", "1\n");
        write("host.log", "2\n");
        assert_eq!(source.read(), b"1\n2\n");
        write("host.log", "2\n3\n");
        assert_eq!(source.read(), b"3\n");
        write("host.log.old", "2\n3\n4\n");
        write("host.log", "5\n");
        assert_eq!(source.read(), b"4\n5\n");
        assert_eq!(source.read(), b"");
    }
}
