//! The output of a command.

use std::{fmt, process::ExitStatus, time::Duration};

/// A command that has exited.
#[derive(Clone)]
pub struct Output {
    pub(crate) command: String,
    pub stdout: String,
    pub stderr: String,
    pub status: ExitStatus,
    pub took: Duration,
}

impl Output {
    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }

    /// Fails the test unless the command exited with this status.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        self
    }

    /// Fails the test unless stderr contains `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no {text:?} on stderr of {self:?}"
        );
        self
    }

    /// Fails the test if stderr contains `text`.
    #[track_caller]
    pub fn does_not_report(self, text: &str) -> Self {
        assert!(
            !self.stderr.contains(text),
            "{text:?} on stderr of {self:?}"
        );
        self
    }

    /// Fails the test unless stdout contains `text`.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "no {text:?} on stdout of {self:?}"
        );
        self
    }

    /// Stderr from its error line on.
    #[track_caller]
    pub fn error(&self) -> &str {
        // Not the `rpc error: ` in a line about the launch.
        let mut lines = self.stderr.match_indices("error: ").map(|(start, _)| start);
        let start = lines.find(|&start| start == 0 || self.stderr[..start].ends_with('\n'));
        &self.stderr[start.unwrap_or_else(|| panic!("no error on stderr of {self:?}"))..]
    }

    /// The rest of the first line of stdout that starts with `start`.
    #[track_caller]
    pub fn answer(&self, start: &str) -> &str {
        let answer = self
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(start));
        answer
            .unwrap_or_else(|| panic!("no line begins with {start:?} on stdout of {self:?}"))
            .trim()
    }

    /// The lines of stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{error}: {line:?} of {self:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            stdout,
            stderr,
            status,
            took,
        } = self;
        write!(
            f,
            "`{command}` ({status}, {took:.1?})\n--- stdout\n{stdout}--- stderr\n{stderr}---"
        )
    }
}
