//! Prints the lines of a log that match, and counts the others.

use std::{collections::VecDeque, process::ExitCode};

use kt::wire::control::LogFrom;
use serde::Serialize;

use super::{
    choice::{Filter, Matched},
    line::{Line, Lines},
    show::Show,
};
use crate::{
    command::{CommandError, print::print_bytes},
    place::Places,
    terminal::{Terminal, text::count},
};

/// The exit code that shells use after SIGINT: 128 + 2.
const INTERRUPTED: u8 = 130;

pub(super) struct LogQuery {
    pub(super) from: LogFrom,
    pub(super) follow: bool,
    pub(super) tail: Option<usize>,
    pub(super) filter: Filter,
    pub(super) show: Show,
}

/// Counts of shown and omitted lines.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Counts {
    shown: usize,
    /// Omitted by `--grep`, `--call` or `--generation`.
    not_chosen: usize,
    /// Those of them that the call or generation may have printed.
    not_certain: usize,
    /// Omitted by `--tail`.
    before_tail: usize,
}

/// Prints the lines. Ctrl-C while following a log still prints the counts.
pub(super) async fn print(
    places: &Places,
    name: &str,
    query: LogQuery,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut printer = Printer {
        query: &query,
        lines: Lines::default(),
        last: VecDeque::new(),
        counts: Counts::default(),
        position: None,
        has_reader: true,
    };
    // The existing log has an end, so its last lines are known. Later output has none.
    let held = query.tail.is_some();
    if held || !query.follow {
        printer.read(places, name, query.from, false).await?;
        if !query.follow {
            printer.end_lines(held)?;
        }
        printer.release()?;
    }
    let mut code = ExitCode::SUCCESS;
    if query.follow && printer.has_reader {
        let from = printer.position.map_or(query.from, LogFrom::Position);
        tokio::select! {
            ended = printer.read(places, name, from, true) => ended?,
            _ = tokio::signal::ctrl_c() => code = ExitCode::from(INTERRUPTED),
        }
        printer.end_lines(false)?;
    }
    if printer.has_reader {
        report(&printer.counts, query.show.json, terminal)?;
    }
    Ok(code)
}

struct Printer<'a> {
    query: &'a LogQuery,
    lines: Lines,
    /// Candidates for `--tail`, until the end of the log is reached.
    last: VecDeque<Line>,
    counts: Counts,
    /// Position in the log after the last piece read.
    position: Option<u64>,
    /// False once the reader of standard output has closed it.
    has_reader: bool,
}

impl Printer<'_> {
    async fn read(
        &mut self,
        places: &Places,
        name: &str,
        from: LogFrom,
        follow: bool,
    ) -> Result<(), CommandError> {
        let hold = self.query.tail.is_some() && !follow;
        let mut pieces = places.log_pieces(name, from, follow).await?;
        while self.has_reader {
            let Some(piece) = pieces.next().await? else {
                break;
            };
            if !piece.notice {
                self.position = Some(piece.position);
            }
            for line in self.lines.take(piece) {
                self.take(line, hold)?;
            }
        }
        Ok(())
    }

    fn end_lines(&mut self, hold: bool) -> Result<(), CommandError> {
        for line in self.lines.finish() {
            self.take(line, hold)?;
        }
        Ok(())
    }

    fn take(&mut self, line: Line, hold: bool) -> Result<(), CommandError> {
        match self.query.filter.of(&line) {
            Matched::Yes if hold => {
                self.last.push_back(line);
                if self.last.len() > self.query.tail.unwrap_or(usize::MAX) {
                    self.last.pop_front();
                    self.counts.before_tail += 1;
                }
                Ok(())
            }
            Matched::Yes => self.show(&line),
            Matched::No => {
                self.counts.not_chosen += 1;
                Ok(())
            }
            Matched::Maybe => {
                self.counts.not_chosen += 1;
                self.counts.not_certain += 1;
                Ok(())
            }
        }
    }

    fn release(&mut self) -> Result<(), CommandError> {
        for line in std::mem::take(&mut self.last) {
            self.show(&line)?;
        }
        Ok(())
    }

    fn show(&mut self, line: &Line) -> Result<(), CommandError> {
        if self.has_reader {
            self.counts.shown += 1;
            self.has_reader = print_bytes(&self.query.show.line(line))?;
        }
        Ok(())
    }
}

fn report(counts: &Counts, json: bool, terminal: &Terminal) -> Result<(), CommandError> {
    if json {
        let mut summary = serde_json::json!(counts);
        summary["reason"] = "kt-log-summary".into();
        return print_bytes(format!("{summary}\n").as_bytes()).map(drop);
    }
    if let Some(text) = summary(counts) {
        terminal.note(text);
    }
    Ok(())
}

/// The counts of omitted lines, if any.
fn summary(counts: &Counts) -> Option<String> {
    let mut parts = Vec::new();
    if counts.not_chosen > 0 {
        parts.push(format!(
            "{} did not match",
            count(counts.not_chosen, "line")
        ));
    }
    if counts.not_certain > 0 {
        parts.push(format!(
            "{} of them may match, but other calls may have printed them (see `--show-calls`)",
            counts.not_certain
        ));
    }
    if counts.before_tail > 0 {
        parts.push(format!(
            "{} before the tail",
            count(counts.before_tail, "line")
        ));
    }
    let left_out = counts.not_chosen + counts.before_tail;
    (left_out > 0).then(|| {
        format!(
            "{} shown, {left_out} not shown: {}",
            count(counts.shown, "line"),
            parts.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omitted_lines_are_counted() {
        let counts = Counts {
            shown: 1,
            ..Counts::default()
        };
        assert_eq!(summary(&counts), None);
        let counts = Counts {
            shown: 2,
            not_chosen: 3,
            not_certain: 1,
            before_tail: 4,
        };
        assert_eq!(
            summary(&counts).unwrap(),
            "2 lines shown, 7 not shown: 3 lines did not match; 1 of them may match, but other calls \
             may have printed them (see `--show-calls`); 4 lines before the tail"
        );
    }
}
