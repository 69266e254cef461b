//! *terminal*: prints steps as cargo does, one line each on stderr with a right-aligned verb. With
//! `--message-format json` the same steps are JSON lines on stdout, among cargo's own.

pub mod escape;
mod foreground;
mod progress;
pub mod text;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

pub use foreground::Foreground;
pub use progress::{LiveLine, Progress};

const GREEN: &str = "\x1b[1m\x1b[32m";
const YELLOW: &str = "\x1b[1m\x1b[33m";
const RED: &str = "\x1b[1m\x1b[31m";
const CYAN: &str = "\x1b[1m\x1b[36m";
const RESET: &str = "\x1b[0m";
/// EL: erases from the cursor to the end of the line.
const ERASE: &str = "\x1b[K";

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    Normal,
    /// Also reasons and commands.
    Verbose,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    /// `{"reason": "kt-…", …}` lines.
    Json,
}

/// The terminal of one command. Clones are the same terminal.
#[derive(Debug, Clone)]
pub struct Terminal {
    verbosity: Verbosity,
    format: Format,
    stderr: Arc<Mutex<AutoStream<io::Stderr>>>,
}

impl Terminal {
    pub fn new(verbosity: Verbosity, format: Format, color: ColorChoice) -> Self {
        Self {
            verbosity,
            format,
            stderr: Arc::new(Mutex::new(AutoStream::new(io::stderr(), color))),
        }
    }

    pub fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    pub fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Whether standard output is JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a step, such as `Linking` and the name of the object.
    pub fn status(&self, verb: &str, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            self.line(format_args!("{GREEN}{verb:>12}{RESET} {text}"));
        }
    }

    /// Prints a detail of a step, with `-v`.
    pub fn detail(&self, verb: &str, text: impl Display) {
        if self.verbosity >= Verbosity::Verbose {
            self.line(format_args!("{CYAN}{verb:>12}{RESET} {text}"));
        }
    }

    pub fn note(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            self.line(format_args!("{CYAN}note{RESET}: {text}"));
        }
    }

    /// Prints a warning, also with `--quiet`: the command behaves differently than requested, or
    /// lost something.
    pub fn warning(&self, text: impl Display) {
        self.line(format_args!("{YELLOW}warning{RESET}: {text}"));
    }

    /// Prints an error and its causes, each once.
    pub fn error(&self, error: &dyn std::error::Error) {
        self.line(format_args!("{RED}error{RESET}: {error}"));
        let (mut printed, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            let text = error.to_string();
            if !printed.contains(&text) {
                self.line(format_args!("  caused by: {text}"));
                printed = text;
            }
            cause = error.source();
        }
    }

    /// Prints a step as JSON. `fields` must serialize as a map.
    pub fn json(&self, reason: &str, fields: &impl Serialize) {
        if self.format != Format::Json {
            return;
        }
        #[derive(Serialize)]
        struct Message<'a, T> {
            reason: &'a str,
            #[serde(flatten)]
            fields: &'a T,
        }
        if let Ok(line) = serde_json::to_string(&Message { reason, fields }) {
            self.raw_json(&line);
        }
    }

    /// Prints a line that is already JSON, such as cargo's.
    pub fn raw_json(&self, line: &str) {
        if self.format == Format::Json {
            // Fails only if the reader closed the pipe.
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    /// A progress bar that appears if the work takes longer than a second.
    pub fn progress(&self, verb: &'static str, total: u64) -> Progress {
        Progress::new(
            verb,
            total,
            self.verbosity >= Verbosity::Normal && io::stderr().is_terminal(),
        )
    }

    /// A line that is updated in place, for work of unknown length; `None` if stderr is not a
    /// terminal.
    pub fn live_line(&self, verb: &'static str) -> Option<LiveLine> {
        let shown = self.verbosity >= Verbosity::Normal && io::stderr().is_terminal();
        shown.then(|| LiveLine::new(verb))
    }

    /// Whether the user can answer a prompt.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && self.format != Format::Json
    }

    /// Asks the user for confirmation; `None` if no user can answer.
    ///
    /// # Errors
    /// If the answer cannot be read.
    pub fn confirm(&self, question: impl Display) -> io::Result<Option<bool>> {
        if !self.can_ask() {
            return Ok(None);
        }
        {
            let mut stderr = self
                .stderr
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let _ = write!(stderr, "{CYAN}{question}{RESET} [y/N] ");
            let _ = stderr.flush();
        }
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        let answer = answer.trim().to_ascii_lowercase();
        Ok(Some(answer == "y" || answer == "yes"))
    }

    fn line(&self, text: std::fmt::Arguments<'_>) {
        let mut stderr = self
            .stderr
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let erase = match stderr.is_terminal() {
            // cargo leaves its progress on the line that it continues.
            true => ERASE,
            false => "",
        };
        // One write, so that lines of several processes do not mix. A closed terminal is not an
        // error.
        let _ = stderr.write_all(format!("{erase}{text}\n").as_bytes());
    }
}

impl crate::compile::Console for Terminal {
    fn status(&self, verb: &str, text: &str) {
        Self::status(self, verb, text);
    }

    fn diagnostic(&self, rendered: &str) {
        let mut stderr = self
            .stderr
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = stderr.write_all(rendered.as_bytes());
    }

    fn message(&self, line: &str) {
        self.raw_json(line);
    }

    fn verbose(&self, text: &str) {
        self.detail("Building", text);
    }
}
