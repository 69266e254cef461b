//! The lines of a log that were asked for, and how many were not shown.

use std::{collections::VecDeque, process::ExitCode};

use kt::wire::control::LogFrom;
use serde::Serialize;

use super::{
    choice::{Choice, Chosen},
    line::{Line, Lines},
    show::Show,
};
use crate::{
    command::{CommandError, print::print_bytes},
    place::Places,
    terminal::{Terminal, text::count},
};

/// As a shell has it of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

pub(super) struct Wanted {
    pub(super) from: LogFrom,
    pub(super) follow: bool,
    pub(super) tail: Option<usize>,
    pub(super) choice: Choice,
    pub(super) show: Show,
}

/// Lines, by what became of them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Counts {
    shown: usize,
    /// `--grep`, `--call`, `--generation`.
    not_chosen: usize,
    /// Of those, the ones that may be of the call or generation.
    not_certain: usize,
    /// `--tail`.
    before_tail: usize,
}

/// Prints the lines. Ctrl-C while a log is followed ends it as its end would: with what was counted.
pub(super) async fn print(
    places: &Places,
    name: &str,
    wanted: Wanted,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut printer = Printer {
        wanted: &wanted,
        lines: Lines::default(),
        last: VecDeque::new(),
        counts: Counts::default(),
        position: None,
        reads: true,
    };
    // What the log has now comes to an end, so its last lines are known. What is printed later does not.
    let held = wanted.tail.is_some();
    if held || !wanted.follow {
        printer.read(places, name, wanted.from, false).await?;
        if !wanted.follow {
            printer.end_lines(held)?;
        }
        printer.release()?;
    }
    let mut code = ExitCode::SUCCESS;
    if wanted.follow && printer.reads {
        let from = printer.position.map_or(wanted.from, LogFrom::Position);
        tokio::select! {
            ended = printer.read(places, name, from, true) => ended?,
            _ = tokio::signal::ctrl_c() => code = ExitCode::from(INTERRUPTED),
        }
        printer.end_lines(false)?;
    }
    if printer.reads {
        report(&printer.counts, wanted.show.json, terminal)?;
    }
    Ok(code)
}

struct Printer<'a> {
    wanted: &'a Wanted,
    lines: Lines,
    /// The last lines, while it is not known which those are.
    last: VecDeque<Line>,
    counts: Counts,
    /// After what has been read.
    position: Option<u64>,
    /// Whether anybody still does.
    reads: bool,
}

impl Printer<'_> {
    async fn read(
        &mut self,
        places: &Places,
        name: &str,
        from: LogFrom,
        follow: bool,
    ) -> Result<(), CommandError> {
        let hold = self.wanted.tail.is_some() && !follow;
        let mut pieces = places.log_pieces(name, from, follow).await?;
        while self.reads {
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
        match self.wanted.choice.of(&line) {
            Chosen::Yes if hold => {
                self.last.push_back(line);
                if self.last.len() > self.wanted.tail.unwrap_or(usize::MAX) {
                    self.last.pop_front();
                    self.counts.before_tail += 1;
                }
                Ok(())
            }
            Chosen::Yes => self.show(&line),
            Chosen::No => {
                self.counts.not_chosen += 1;
                Ok(())
            }
            Chosen::Perhaps => {
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
        if self.reads {
            self.counts.shown += 1;
            self.reads = print_bytes(&self.wanted.show.line(line))?;
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

/// What was left out, if anything was.
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
            "{} of them may be of it and may be of others, which `--show-calls` shows",
            counts.not_certain
        ));
    }
    if counts.before_tail > 0 {
        parts.push(format!(
            "{} came before the tail",
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
    fn what_is_left_out_is_counted() {
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
            "2 lines shown, 7 not shown: 3 lines did not match; 1 of them may be of it and may be of others, which \
             `--show-calls` shows; 4 lines came before the tail"
        );
    }
}
