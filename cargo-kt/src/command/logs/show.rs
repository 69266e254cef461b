//! How a line is printed.

use kt::wire::data::Stream;
use serde_json::json;

use super::line::{Attribution, Line};
use crate::terminal::escape;

#[derive(Debug, Clone, Copy)]
pub(super) struct Show {
    pub(super) json: bool,
    /// With the call before it.
    pub(super) calls: bool,
    pub(super) escapes: bool,
}

impl Show {
    /// The line as it is printed, with its end.
    pub(super) fn line(self, line: &Line) -> Vec<u8> {
        if self.json {
            return format!("{}\n", json(line)).into();
        }
        let mut bytes = match self.calls && !line.notice {
            true => format!("{:>12} | ", who(line)).into_bytes(),
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

/// Whose line it is, in a column.
fn who(line: &Line) -> String {
    let worker = line.source.worker;
    match line.attribution() {
        Attribution::Call(call) => format!("{worker}.{} {}", call.number, call.function),
        Attribution::NoCall => "no call".to_owned(),
        Attribution::Several => {
            let named = line.source.calls.as_ref().map_or(0, Vec::len) as u64;
            format!("1 of {} calls", named + line.source.unnamed)
        }
        Attribution::Unknown => "not known".to_owned(),
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
