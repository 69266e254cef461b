//! Reports the progress and the result of a copy.

use std::{ffi::OsStr, time::Duration};

use kt::{
    files::{Side, Watch},
    wire::files::{Hash, Plan, Problem, Summary},
};
use serde::Serialize;

use crate::command::error::{CopyError, shown, why};
use crate::terminal::{Progress, Terminal, text};

/// Further problems are only counted.
const MAX_SHOWN: usize = 100;

/// Reports one copy.
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

    /// Reports the completed copy.
    ///
    /// # Errors
    /// If some entries were not copied. All problems but the returned one have been printed.
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
                .status("Copied", summary_line(summary, target, elapsed));
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

    /// Prints the problems of a copy that did not complete.
    pub(super) fn give_up(mut self) {
        self.progress = None;
        for problem in &self.problems {
            self.terminal.error(problem);
        }
    }

    fn service_of(&self, side: Side) -> Option<&str> {
        let in_service = (side == Side::Target) == self.to_service;
        in_service.then_some(self.service.as_str())
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
        let service = self.service_of(side).map(str::to_owned);
        self.terminal.json(
            "kt-copy-problem",
            &CopyProblem {
                path: &problem.path.to_string_lossy(),
                service: service.as_deref(),
                why: &why(&problem.why),
            },
        );
        self.problem_count += 1;
        if self.problems.len() < MAX_SHOWN {
            let problem = CopyError::problem(&problem, service.as_deref());
            self.problems.push(problem);
        }
    }
}

fn summary_line(summary: &Summary, target: &str, elapsed: Duration) -> String {
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
    let present = match found {
        0 => String::new(),
        found => format!(", {} already present", text::bytes(found)),
    };
    format!(
        "{} ({}{present}) to {} in {}",
        parts.join(", "),
        text::bytes(bytes),
        shown(OsStr::new(target)),
        text::duration(elapsed)
    )
}

#[derive(Serialize)]
struct FileCopied<'a> {
    /// On the local machine.
    path: &'a str,
    bytes: u64,
    blake3: &'a str,
}

#[derive(Serialize)]
struct CopyProblem<'a> {
    path: &'a str,
    /// The service of the path; null for the local machine.
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
