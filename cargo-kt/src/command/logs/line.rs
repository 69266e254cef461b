//! Assembles lines from the pieces of a log, with the calls that can have printed them.

use std::collections::BTreeMap;

use kt::wire::{
    Generation,
    data::Stream,
    inspect::{CallName, LogPiece, Source},
};

/// Longer lines are split, so that a program that prints no newline does not exhaust memory.
const LONGEST: usize = 1 << 20;

/// A line without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    pub(super) source: Source,
    pub(super) time_ms: Option<u64>,
    /// A notice from kt about missing bytes.
    pub(super) notice: bool,
}

/// What printed a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribution<'a> {
    /// Only this call can have printed it.
    Call(&'a CallName),
    /// No call was running: a task, a thread, a server, or a child process printed it.
    NoCall,
    /// One of several concurrent calls.
    Several,
    /// A worker left it in its pipes when it died, or the log is so old that its marks were
    /// removed.
    Unknown,
}

impl Line {
    pub(super) fn attribution(&self) -> Attribution<'_> {
        match (self.source.calls.as_deref(), self.source.unnamed) {
            (None, _) => Attribution::Unknown,
            (Some([]), 0) => Attribution::NoCall,
            (Some([call]), 0) => Attribution::Call(call),
            (Some(_), _) => Attribution::Several,
        }
    }

    /// The generation, if all calls that can have printed the line entered the same one.
    pub(super) fn generation(&self) -> Option<Generation> {
        let calls = self.source.calls.as_deref()?;
        let (first, rest) = calls.split_first()?;
        let same = rest.iter().all(|call| call.generation == first.generation);
        (same && self.source.unnamed == 0).then_some(first.generation)
    }
}

/// Assembles lines per worker and stream: a piece of one stream may arrive in the middle of
/// another's line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: BTreeMap<(u64, Option<u8>), Line>,
}

impl Lines {
    /// Adds a piece. Returns the lines that it completes.
    pub(super) fn take(&mut self, piece: LogPiece) -> Vec<Line> {
        if piece.notice {
            return notice(&piece);
        }
        let stream = piece.source.stream.map(|stream| match stream {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        });
        let key = (piece.source.worker, stream);
        let mut ended = Vec::new();
        for text in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = self.partial.entry(key).or_insert_with(|| Line {
                text: Vec::new(),
                source: piece.source.clone(),
                time_ms: piece.time_ms,
                notice: false,
            });
            join(&mut line.source, &piece.source);
            let ends = text.ends_with(b"\n");
            line.text.extend(text.strip_suffix(b"\n").unwrap_or(text));
            if ends || line.text.len() >= LONGEST {
                ended.extend(self.partial.remove(&key));
            }
        }
        ended
    }

    /// The incomplete lines at the end of the log.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.partial).into_values().collect()
    }
}

/// A line's candidates are the candidates of all its parts.
fn join(source: &mut Source, other: &Source) {
    if source == other {
        return;
    }
    source.unnamed = source.unnamed.max(other.unnamed);
    match (&mut source.calls, &other.calls) {
        (Some(calls), Some(others)) => {
            let new = others.iter().filter(|call| !calls.contains(call));
            let new: Vec<CallName> = new.cloned().collect();
            calls.extend(new);
        }
        (calls, _) => *calls = None,
    }
}

fn notice(piece: &LogPiece) -> Vec<Line> {
    let text = piece.bytes.trim_ascii().to_vec();
    vec![Line {
        text,
        source: Source::default(),
        time_ms: None,
        notice: true,
    }]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::command::logs) fn piece(
        text: &str,
        stream: Stream,
        calls: &[(u64, u64)],
    ) -> LogPiece {
        let name = |(number, generation): &(u64, u64)| CallName {
            number: *number,
            generation: Generation(*generation),
            function: "app::f".into(),
        };
        LogPiece {
            position: 0,
            time_ms: Some(1),
            source: Source {
                worker: 1,
                stream: Some(stream),
                calls: Some(calls.iter().map(name).collect()),
                unnamed: 0,
            },
            notice: false,
            bytes: text.into(),
        }
    }

    #[test]
    fn streams_do_not_split_each_others_lines() {
        let mut lines = Lines::default();
        assert!(
            lines
                .take(piece("half", Stream::Stdout, &[(1, 1)]))
                .is_empty()
        );
        let between = lines.take(piece("whole\n", Stream::Stderr, &[(1, 1)]));
        assert_eq!(between[0].text, b"whole");
        let ended = lines.take(piece(" and half\nmore", Stream::Stdout, &[(1, 1)]));
        assert_eq!(ended[0].text, b"half and half");
        assert_eq!(ended[0].generation(), Some(Generation(1)));
        assert!(matches!(ended[0].attribution(), Attribution::Call(call) if call.number == 1));
        assert_eq!(lines.finish()[0].text, b"more");
    }

    #[test]
    fn a_line_is_attributed_to_a_call_only_if_all_its_parts_are() {
        let mut lines = Lines::default();
        lines.take(piece("a", Stream::Stdout, &[(1, 2)]));
        let line = lines
            .take(piece("b\n", Stream::Stdout, &[(2, 2)]))
            .remove(0);
        assert_eq!(line.attribution(), Attribution::Several);
        assert_eq!(line.generation(), Some(Generation(2)));
        lines.take(piece("a", Stream::Stdout, &[(1, 1)]));
        let line = lines
            .take(piece("b\n", Stream::Stdout, &[(2, 2)]))
            .remove(0);
        assert_eq!(line.generation(), None);
        let line = lines.take(piece("c\n", Stream::Stdout, &[])).remove(0);
        assert_eq!(line.attribution(), Attribution::NoCall);
        let mut left = piece("d\n", Stream::Stdout, &[]);
        left.source.calls = None;
        assert_eq!(lines.take(left)[0].attribution(), Attribution::Unknown);
    }

    #[test]
    fn a_line_without_a_newline_is_split() {
        let mut lines = Lines::default();
        let endless = piece(&"x".repeat(LONGEST + 1), Stream::Stdout, &[]);
        assert_eq!(lines.take(endless).len(), 1);
    }
}
