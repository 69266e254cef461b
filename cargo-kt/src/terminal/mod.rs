//! What the person at the terminal sees, in cargo's manner: one line for each step on stderr, a right-aligned verb before
//! it. With `--message-format json` the same steps are JSON lines on stdout, among cargo's own.

pub mod escape;
mod foreground;
mod progress;
mod reader;
pub mod text;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

pub use foreground::Foreground;
pub use progress::{Moving, Progress};
pub use reader::is_read_by;

const GREEN: &str = "\x1b[1m\x1b[32m";
const YELLOW: &str = "\x1b[1m\x1b[33m";
const RED: &str = "\x1b[1m\x1b[31m";
const CYAN: &str = "\x1b[1m\x1b[36m";
const RESET: &str = "\x1b[0m";

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    Normal,
    /// Reasons and commands too.
    Verbose,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    /// A program: `{"reason": "kt-…", …}` lines.
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

    /// Whether standard output is for programs.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A step, such as `Linking` and what was linked.
    pub fn status(&self, verb: &str, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            self.line(format_args!("{GREEN}{verb:>12}{RESET} {text}"));
        }
    }

    /// A detail below a step, for those who ask for it.
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

    /// Something that the person should know even in quiet: what they asked for is done in another way, or lost something.
    pub fn warning(&self, text: impl Display) {
        self.line(format_args!("{YELLOW}warning{RESET}: {text}"));
    }

    /// An error and what caused it, each cause once.
    pub fn error(&self, error: &dyn std::error::Error) {
        self.line(format_args!("{RED}error{RESET}: {error}"));
        let (mut said, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                self.line(format_args!("  caused by: {text}"));
                said = text;
            }
            cause = error.source();
        }
    }

    /// A step for programs. `fields` must serialise as a map.
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

    /// A line that is JSON already: cargo's.
    pub fn raw_json(&self, line: &str) {
        if self.format == Format::Json {
            // A reader that has gone away does not need the rest.
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    /// A bar that shows itself if the work takes more than a second.
    pub fn progress(&self, verb: &'static str, total: u64) -> Progress {
        Progress::new(
            verb,
            total,
            self.verbosity >= Verbosity::Normal && io::stderr().is_terminal(),
        )
    }

    /// A line that changes in place, for work whose end is not known; `None` where nobody would see it.
    pub fn moving(&self, verb: &'static str) -> Option<Moving> {
        let shown = self.verbosity >= Verbosity::Normal && io::stderr().is_terminal();
        shown.then(|| Moving::new(verb))
    }

    /// Whether a person sits there who can answer a question.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && self.format != Format::Json
    }

    /// Asks a person who can answer; `None` if nobody can.
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
        // One write, so that lines of several processes do not mix; a closed terminal is no reason to fail.
        let _ = stderr.write_all(format!("{text}\n").as_bytes());
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
