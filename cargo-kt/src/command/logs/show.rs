//! Formats a line.

use kt::wire::data::Stream;
use serde_json::json;

use super::line::{Attribution, Line};
use crate::terminal::escape;

#[derive(Debug, Clone, Copy)]
pub(super) struct Show {
    pub(super) json: bool,
    /// Prefix the line with its call.
    pub(super) calls: bool,
    pub(super) escapes: bool,
}

impl Show {
    /// The formatted line, with its newline.
    pub(super) fn line(self, line: &Line) -> Vec<u8> {
        if self.json {
            return format!("{}\n", without_controls(&json(line).to_string())).into();
        }
        let mut bytes = match self.calls && !line.notice {
            true => format!("{:>12} | ", attribution(line)).into_bytes(),
            false => Vec::new(),
        };
        match self.escapes {
            true => bytes.extend(escape::escaped(&line.text)),
            false => bytes.extend(&line.text),
        }
        bytes.push(b'\n');
        bytes
    }
}

/// JSON escapes C0. DEL and C1 are allowed in its strings, but terminals interpret them.
fn without_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter.is_control() {
            true => out.push_str(&format!("\\u{:04x}", letter as u32)),
            false => out.push(letter),
        }
    }
    out
}

/// The prefix column: what printed the line.
fn attribution(line: &Line) -> String {
    let worker = line.source.worker;
    match line.attribution() {
        Attribution::Call(call) => format!("{worker}.{} {}", call.number, call.function),
        Attribution::NoCall => "no call".to_owned(),
        Attribution::Several => {
            let named = line.source.calls.as_ref().map_or(0, Vec::len) as u64;
            format!("1 of {} calls", named + line.source.unnamed)
        }
        Attribution::Unknown => "unknown".to_owned(),
    }
}

fn json(line: &Line) -> serde_json::Value {
    let text = String::from_utf8_lossy(&line.text);
    if line.notice {
        return json!({"reason": "kt-log-notice", "text": text});
    }
    let source = &line.source;
    let (attribution, call) = match line.attribution() {
        Attribution::Call(call) => ("call", Some(call)),
        Attribution::NoCall => ("no-call", None),
        Attribution::Several => ("several-calls", None),
        Attribution::Unknown => ("unknown", None),
    };
    let candidates = source.calls.as_ref().map(|calls| {
        let candidate = |call: &kt::wire::inspect::CallName| {
            json!({"number": call.number, "generation": call.generation, "function": call.function})
        };
        calls.iter().map(candidate).collect::<Vec<_>>()
    });
    json!({
        "reason": "kt-log-line",
        "text": text,
        "time_ms": line.time_ms,
        "stream": source.stream.map(|stream| match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }),
        "worker": (source.worker != 0).then_some(source.worker),
        "attribution": attribution,
        "call": call.map(|call| call.number),
        "function": call.map(|call| &call.function),
        "generation": line.generation(),
        "candidates": candidates,
        "unnamed_candidates": source.unnamed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_control_characters_and_the_same_text() {
        let text = "\u{1b}[2J \u{9b}2J \u{7f} größe";
        let line = Line {
            text: text.into(),
            source: kt::wire::inspect::Source::default(),
            time_ms: None,
            notice: false,
        };
        let show = Show {
            json: true,
            calls: false,
            escapes: false,
        };
        let shown = String::from_utf8(show.line(&line)).unwrap();
        assert!(!shown.trim_end().contains(char::is_control), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["text"], text);
    }
}
