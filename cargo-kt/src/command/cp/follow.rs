//! What the person sees of a copy.

use std::{ffi::OsStr, time::Duration};

use kt::{
    files::{Side, Watch},
    wire::files::{Hash, Plan, Problem, Summary},
};
use serde::Serialize;

use crate::command::error::{CopyError, shown, why};
use crate::terminal::{Progress, Terminal, text};

/// More problems than this are only counted.
const TOLD: usize = 100;

/// Follows one copy.
pub(super) struct Follow {
    terminal: Terminal,
    service: String,
    to_service: bool,
    progress: Option<Progress>,
    done: u64,
    carried: u64,
    problems: Vec<CopyError>,
    problem_count: usize,
}

impl Follow {
    pub(super) fn new(terminal: &Terminal, service: &str, to_service: bool) -> Self {
        Self {
            terminal: terminal.clone(),
            service: service.to_owned(),
            to_service,
            progress: None,
            done: 0,
            carried: 0,
            problems: Vec::new(),
            problem_count: 0,
        }
    }

    /// The end of the copy, of which so much arrived.
    ///
    /// # Errors
    /// If not all did. All problems but that error have been printed.
    pub(super) fn finish(
        mut self,
        summary: &Summary,
        target: &str,
        elapsed: Duration,
    ) -> Result<(), CopyError> {
        self.progress = None;
        self.terminal.json(
            "kt-copied",
            &Copied {
                service: &self.service,
                to_service: self.to_service,
                files: summary.files,
                folders: summary.folders,
                links: summary.links,
                bytes: summary.bytes,
                found: summary.found,
                problems: self.problem_count,
                elapsed_ms: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
            },
        );
        if summary.files + summary.folders + summary.links > 0 {
            self.terminal
                .status("Copied", said(summary, target, elapsed));
        }
        match (self.problem_count, self.problems.pop()) {
            (0, _) | (_, None) => Ok(()),
            (1, Some(problem)) => Err(problem),
            (count, Some(last)) => {
                self.problems.push(last);
                for problem in &self.problems {
                    self.terminal.error(problem);
                }
                if count > self.problems.len() {
                    let others = count - self.problems.len();
                    self.terminal
                        .note(format_args!("{others} more problems are not shown"));
                }
                let count = format!("{count} of the files and folders");
                Err(CopyError::Incomplete { count })
            }
        }
    }

    /// The end of a copy that came to none.
    pub(super) fn give_up(mut self) {
        self.progress = None;
        for problem in &self.problems {
            self.terminal.error(problem);
        }
    }

    fn whose(&self, side: Side) -> Option<&str> {
        let there = (side == Side::Target) == self.to_service;
        there.then_some(self.service.as_str())
    }
}

impl Watch for Follow {
    fn planned(&mut self, plan: &Plan) {
        self.progress = Some(self.terminal.progress("Copying", plan.bytes));
    }

    fn moved(&mut self, bytes: u64, carried: bool) {
        self.done += bytes;
        self.carried += if carried { bytes } else { 0 };
        if let Some(progress) = &self.progress {
            progress.set(self.done, self.carried);
        }
    }

    fn arrived(&mut self, path: &OsStr, size: u64, hash: &Hash) {
        let blake3 = blake3::Hash::from(*hash).to_hex();
        self.terminal.json(
            "kt-file-copied",
            &FileCopied {
                path: &path.to_string_lossy(),
                bytes: size,
                blake3: &blake3,
            },
        );
    }

    fn problem(&mut self, side: Side, problem: Problem) {
        let service = self.whose(side).map(str::to_owned);
        self.terminal.json(
            "kt-copy-problem",
            &CopyProblem {
                path: &problem.path.to_string_lossy(),
                service: service.as_deref(),
                why: &why(&problem.why),
            },
        );
        self.problem_count += 1;
        if self.problems.len() < TOLD {
            let problem = CopyError::problem(&problem, service.as_deref());
            self.problems.push(problem);
        }
    }
}

fn said(summary: &Summary, target: &str, elapsed: Duration) -> String {
    let Summary {
        files,
        folders,
        links,
        bytes,
        found,
    } = *summary;
    let parts = [(files, "file"), (folders, "folder"), (links, "symlink")];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| text::count(number.try_into().unwrap_or(usize::MAX), noun))
        .collect();
    let there = match found {
        0 => String::new(),
        found => format!(", {} were there", text::bytes(found)),
    };
    format!(
        "{} ({}{there}) to {} in {}",
        parts.join(", "),
        text::bytes(bytes),
        shown(OsStr::new(target)),
        text::duration(elapsed)
    )
}

#[derive(Serialize)]
struct FileCopied<'a> {
    /// On this machine.
    path: &'a str,
    bytes: u64,
    blake3: &'a str,
}

#[derive(Serialize)]
struct CopyProblem<'a> {
    path: &'a str,
    /// Whose path it is; null for one of this machine.
    service: Option<&'a str>,
    why: &'a str,
}

#[derive(Serialize)]
struct Copied<'a> {
    service: &'a str,
    to_service: bool,
    files: u64,
    folders: u64,
    links: u64,
    bytes: u64,
    found: u64,
    problems: usize,
    elapsed_ms: u64,
}
