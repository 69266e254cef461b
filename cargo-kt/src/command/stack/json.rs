//! A look as lines for programs.

use kt::wire::{calls::Waits, sample::CallWhere};
use serde_json::{Value, json};

use super::{Call, Found, Thread};
use crate::{command::describe, stacks::Named};

pub(super) fn lines(found: &Found) -> String {
    let calls = found.calls.iter().flatten().map(|it| call(found, it));
    let threads = found.threads.iter().map(|it| thread(found, it));
    let lines = calls.chain(threads).chain([summary(found)]);
    lines.map(|line| format!("{line}\n")).collect()
}

fn call(found: &Found, call: &Call) -> Value {
    let thread = match &call.stack.place {
        CallWhere::Thread(thread) => Some(*thread),
        _ => None,
    };
    let mut line = describe::call_json(&call.stack.call);
    line["reason"] = json!("kt-stack-call");
    line["name"] = json!(found.service);
    line["place"] = json!(place(&call.stack.place));
    line["thread"] = json!(thread);
    line["waits"] = json!(call.ways.iter().map(frames).collect::<Vec<_>>());
    line
}

fn place(place: &CallWhere) -> &'static str {
    match place {
        CallWhere::Thread(_) => "thread",
        CallWhere::Moved => "moved",
        CallWhere::Waits(waits) => match waits {
            Waits::At(ways) if ways.is_empty() => "waits-for-no-waker",
            Waits::At(_) => "waits",
            Waits::NotBegun => "not-begun",
            Waits::NotPolled | Waits::NotAsked => "not-polled",
            Waits::NoRoom => "left-out",
        },
    }
}

fn thread(found: &Found, thread: &Thread) -> Value {
    json!({
        "reason": "kt-stack-thread",
        "name": found.service,
        "id": thread.id,
        "thread": thread.name,
        "state": thread.state,
        "call": super::call_on(found, thread.id).map(|call| call.stack.call.call.number),
        "frames": frames(&thread.stack),
        "whole": thread.stack.whole,
    })
}

fn frames(stack: &Named) -> Value {
    json!(stack.frames)
}

fn summary(found: &Found) -> Value {
    let stacks = &found.stacks;
    let frames = found.threads.iter().flat_map(|it| &it.stack.frames);
    json!({
        "reason": "kt-stack-summary",
        "name": found.service,
        "worker": stacks.worker.instance,
        "pid": stacks.worker.pid,
        "generation": stacks.generation,
        "stood_us": stacks.stood_us,
        "threads": found.threads.len(),
        "missed": stacks.missed.iter().map(|it| json!({
            "id": it.id, "thread": it.name, "state": it.state,
        })).collect::<Vec<_>>(),
        "calls_known": found.calls.is_some(),
        "calls_left_out": stacks.more_calls,
        "nameless_frames": frames.filter(|frame| !frame.named).count(),
    })
}
