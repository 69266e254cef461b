//! Filters log lines.

use std::{fmt, str::FromStr};

use regex::bytes::Regex;

use super::line::{Attribution, Line};

/// A call, as typed on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallNumber {
    /// The worker; `None`: any worker.
    worker: Option<u64>,
    number: u64,
}

/// The text is not a call number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvalidCallNumber;

impl fmt::Display for InvalidCallNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a call number such as 17, or WORKER.NUMBER such as 2.17")
    }
}

impl std::error::Error for InvalidCallNumber {}

impl FromStr for CallNumber {
    type Err = InvalidCallNumber;

    fn from_str(text: &str) -> Result<Self, InvalidCallNumber> {
        let number = |text: &str| text.parse().map_err(|_| InvalidCallNumber);
        match text.split_once('.') {
            Some((worker, call)) => Ok(Self {
                worker: Some(number(worker)?),
                number: number(call)?,
            }),
            None => Ok(Self {
                worker: None,
                number: number(text)?,
            }),
        }
    }
}

/// The conditions that a line must meet.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) grep: Option<Regex>,
    pub(super) call: Option<CallNumber>,
    pub(super) generation: Option<u64>,
}

/// Whether a line matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matched {
    Yes,
    No,
    /// The call or generation may have printed it, but so may others.
    Maybe,
}

impl Filter {
    pub(super) fn of(&self, line: &Line) -> Matched {
        // The missing bytes may contain a match.
        if line.notice {
            return Matched::Yes;
        }
        let matches = |regex: &Regex| regex.is_match(&line.text);
        if !self.grep.as_ref().is_none_or(matches) {
            return Matched::No;
        }
        match (self.of_call(line), self.of_generation(line)) {
            (Matched::No, _) | (_, Matched::No) => Matched::No,
            (Matched::Yes, Matched::Yes) => Matched::Yes,
            _ => Matched::Maybe,
        }
    }

    fn of_call(&self, line: &Line) -> Matched {
        let Some(wanted) = self.call else {
            return Matched::Yes;
        };
        let source = &line.source;
        if wanted
            .worker
            .is_some_and(|worker| worker != source.worker && source.worker != 0)
        {
            return Matched::No;
        }
        match line.attribution() {
            Attribution::Call(call) if call.number == wanted.number => Matched::Yes,
            Attribution::Call(_) | Attribution::NoCall => Matched::No,
            Attribution::Unknown => Matched::Maybe,
            Attribution::Several => {
                let mut named = source.calls.iter().flatten();
                let can = named.any(|call| call.number == wanted.number) || source.unnamed > 0;
                if can { Matched::Maybe } else { Matched::No }
            }
        }
    }

    fn of_generation(&self, line: &Line) -> Matched {
        let Some(wanted) = self.generation else {
            return Matched::Yes;
        };
        match (line.generation(), line.attribution()) {
            (Some(generation), _) if generation.0 == wanted => Matched::Yes,
            (Some(_), _) | (None, Attribution::NoCall) => Matched::No,
            (None, Attribution::Unknown) => Matched::Maybe,
            (None, _) => {
                let mut named = line.source.calls.iter().flatten();
                let can = named.any(|call| call.generation.0 == wanted) || line.source.unnamed > 0;
                if can { Matched::Maybe } else { Matched::No }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kt::wire::data::Stream;

    use super::{
        super::line::{Lines, tests::piece},
        *,
    };

    fn line(text: &str, calls: &[(u64, u64)]) -> Line {
        let text = format!("{text}\n");
        Lines::default()
            .take(piece(&text, Stream::Stdout, calls))
            .remove(0)
    }

    #[test]
    fn certain_lines_of_a_call_match_and_uncertain_ones_are_counted() {
        let filter = |call: &str| Filter {
            call: Some(call.parse().unwrap()),
            ..Filter::default()
        };
        let calls = [(1, 1), (2, 1)];
        for (wanted, calls, matched) in [
            ("1", &calls[..1], Matched::Yes),
            ("1.1", &calls[..1], Matched::Yes),
            ("2.1", &calls[..1], Matched::No),
            ("3", &calls[..1], Matched::No),
            ("2", &calls[..], Matched::Maybe),
            ("3", &calls[..], Matched::No),
            ("1", &[], Matched::No),
        ] {
            assert_eq!(
                filter(wanted).of(&line("x", calls)),
                matched,
                "{wanted} {calls:?}"
            );
        }
        assert!("x".parse::<CallNumber>().is_err() && "1.".parse::<CallNumber>().is_err());
    }

    #[test]
    fn a_line_must_meet_all_conditions() {
        let filter = Filter {
            grep: Some(Regex::new("^a.*z$").unwrap()),
            generation: Some(2),
            ..Filter::default()
        };
        assert_eq!(filter.of(&line("a to z", &[(1, 2), (2, 2)])), Matched::Yes);
        assert_eq!(
            filter.of(&line("a to z", &[(1, 2), (2, 3)])),
            Matched::Maybe
        );
        assert_eq!(filter.of(&line("a to z", &[(1, 3)])), Matched::No);
        assert_eq!(filter.of(&line("b to z", &[(1, 2)])), Matched::No);
    }
}
