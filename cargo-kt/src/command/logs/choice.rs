//! Which lines are wanted.

use std::{fmt, str::FromStr};

use regex::bytes::Regex;

use super::line::{Attribution, Line};

/// A call, as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallNumber {
    /// Of this worker; else of any.
    worker: Option<u64>,
    number: u64,
}

/// Not the name of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoCallNumber;

impl fmt::Display for NoCallNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call is a number such as 17, or a worker's and its own: 2.17")
    }
}

impl std::error::Error for NoCallNumber {}

impl FromStr for CallNumber {
    type Err = NoCallNumber;

    fn from_str(text: &str) -> Result<Self, NoCallNumber> {
        let number = |text: &str| text.parse().map_err(|_| NoCallNumber);
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

/// What a line has to be.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) grep: Option<Regex>,
    pub(super) call: Option<CallNumber>,
    pub(super) generation: Option<u64>,
}

/// Whether a line is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Yes,
    No,
    /// It may be of the call or generation, and others may have printed it.
    Perhaps,
}

impl Choice {
    pub(super) fn of(&self, line: &Line) -> Chosen {
        // What is missing may have been what is looked for.
        if line.notice {
            return Chosen::Yes;
        }
        let matches = |regex: &Regex| regex.is_match(&line.text);
        if !self.grep.as_ref().is_none_or(matches) {
            return Chosen::No;
        }
        match (self.of_call(line), self.of_generation(line)) {
            (Chosen::No, _) | (_, Chosen::No) => Chosen::No,
            (Chosen::Yes, Chosen::Yes) => Chosen::Yes,
            _ => Chosen::Perhaps,
        }
    }

    fn of_call(&self, line: &Line) -> Chosen {
        let Some(wanted) = self.call else {
            return Chosen::Yes;
        };
        let source = &line.source;
        if wanted
            .worker
            .is_some_and(|worker| worker != source.worker && source.worker != 0)
        {
            return Chosen::No;
        }
        match line.attribution() {
            Attribution::Call(call) if call.number == wanted.number => Chosen::Yes,
            Attribution::Call(_) | Attribution::NoCall => Chosen::No,
            Attribution::Unknown => Chosen::Perhaps,
            Attribution::Several => {
                let mut named = source.calls.iter().flatten();
                let can = named.any(|call| call.number == wanted.number) || source.unnamed > 0;
                if can { Chosen::Perhaps } else { Chosen::No }
            }
        }
    }

    fn of_generation(&self, line: &Line) -> Chosen {
        let Some(wanted) = self.generation else {
            return Chosen::Yes;
        };
        match (line.generation(), line.attribution()) {
            (Some(generation), _) if generation.0 == wanted => Chosen::Yes,
            (Some(_), _) | (None, Attribution::NoCall) => Chosen::No,
            (None, Attribution::Unknown) => Chosen::Perhaps,
            (None, _) => {
                let mut named = line.source.calls.iter().flatten();
                let can = named.any(|call| call.generation.0 == wanted) || line.source.unnamed > 0;
                if can { Chosen::Perhaps } else { Chosen::No }
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
    fn a_call_is_chosen_where_it_is_certain_and_counted_where_it_is_not() {
        let choice = |call: &str| Choice {
            call: Some(call.parse().unwrap()),
            ..Choice::default()
        };
        let calls = [(1, 1), (2, 1)];
        for (wanted, calls, chosen) in [
            ("1", &calls[..1], Chosen::Yes),
            ("1.1", &calls[..1], Chosen::Yes),
            ("2.1", &calls[..1], Chosen::No),
            ("3", &calls[..1], Chosen::No),
            ("2", &calls[..], Chosen::Perhaps),
            ("3", &calls[..], Chosen::No),
            ("1", &[], Chosen::No),
        ] {
            assert_eq!(
                choice(wanted).of(&line("x", calls)),
                chosen,
                "{wanted} {calls:?}"
            );
        }
        assert!("x".parse::<CallNumber>().is_err() && "1.".parse::<CallNumber>().is_err());
    }

    #[test]
    fn all_that_was_asked_for_has_to_fit() {
        let choice = Choice {
            grep: Some(Regex::new("^a.*z$").unwrap()),
            generation: Some(2),
            ..Choice::default()
        };
        assert_eq!(choice.of(&line("a to z", &[(1, 2), (2, 2)])), Chosen::Yes);
        assert_eq!(
            choice.of(&line("a to z", &[(1, 2), (2, 3)])),
            Chosen::Perhaps
        );
        assert_eq!(choice.of(&line("a to z", &[(1, 3)])), Chosen::No);
        assert_eq!(choice.of(&line("b to z", &[(1, 2)])), Chosen::No);
    }
}
