//! Formats a snapshot as JSON lines.

use kt::wire::{calls::Waits, sample::CallWhere};
use serde_json::{Value, json};

use super::{Call, Snapshot, Thread};
use crate::{command::describe, stacks::Named};

pub(super) fn lines(snapshot: &Snapshot) -> String {
    let calls = snapshot.calls.iter().flatten().map(|it| call(snapshot, it));
    let threads = snapshot.threads.iter().map(|it| thread(snapshot, it));
    let lines = calls.chain(threads).chain([summary(snapshot)]);
    lines.map(|line| format!("{line}\n")).collect()
}

fn call(snapshot: &Snapshot, call: &Call) -> Value {
    let thread = match &call.stack.place {
        CallWhere::Thread(thread) => Some(*thread),
        _ => None,
    };
    let mut line = describe::call_json(&call.stack.call);
    line["reason"] = json!("kt-stack-call");
    line["name"] = json!(snapshot.service);
    line["place"] = json!(place(&call.stack.place));
    line["thread"] = json!(thread);
    line["waits"] = json!(call.awaits.iter().map(frames).collect::<Vec<_>>());
    line
}

fn place(place: &CallWhere) -> &'static str {
    match place {
        CallWhere::Thread(_) => "thread",
        CallWhere::Moved => "moved",
        CallWhere::Waits(waits) => match waits {
            Waits::At(stacks) if stacks.is_empty() => "waits-for-no-waker",
            Waits::At(_) => "waits",
            Waits::NotBegun => "not-begun",
            Waits::NotPolled | Waits::NotAsked => "not-polled",
            Waits::NoRoom => "left-out",
        },
    }
}

fn thread(snapshot: &Snapshot, thread: &Thread) -> Value {
    json!({
        "reason": "kt-stack-thread",
        "name": snapshot.service,
        "id": thread.id,
        "thread": thread.name,
        "state": thread.state,
        "call": super::call_on(snapshot, thread.id).map(|call| call.stack.call.call.number),
        "frames": frames(&thread.stack),
        "whole": thread.stack.whole,
    })
}

fn frames(stack: &Named) -> Value {
    json!(stack.frames)
}

fn summary(snapshot: &Snapshot) -> Value {
    let stacks = &snapshot.stacks;
    let frames = snapshot.threads.iter().flat_map(|it| &it.stack.frames);
    json!({
        "reason": "kt-stack-summary",
        "name": snapshot.service,
        "worker": stacks.worker.instance,
        "pid": stacks.worker.pid,
        "generation": stacks.generation,
        "stood_us": stacks.stood_us,
        "threads": snapshot.threads.len(),
        "missed": stacks.missed.iter().map(|it| json!({
            "id": it.id, "thread": it.name, "state": it.state,
        })).collect::<Vec<_>>(),
        "calls_known": snapshot.calls.is_some(),
        "calls_left_out": stacks.more_calls,
        "nameless_frames": frames.filter(|frame| !frame.named).count(),
    })
}
