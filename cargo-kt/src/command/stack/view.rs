//! A look as a page for people: calls first, then other threads that run code of the program, then all others in a line.

use std::{collections::BTreeMap, time::Duration};

use kt::wire::{calls::Waits, sample::CallWhere};

use super::{Call, Found, Thread, call_on};
use crate::{
    stacks::{Frame, Named},
    terminal::text::{count, duration},
};

pub(super) fn page(found: &Found, all: bool) -> String {
    let stacks = &found.stacks;
    let mut page = format!(
        "{}  worker {} (process {}), generation {}: {} stood for {}\n",
        found.service,
        stacks.worker.instance,
        stacks.worker.pid,
        stacks.generation,
        count(found.threads.len(), "thread"),
        duration(Duration::from_micros(stacks.stood_us)),
    );
    page += &calls(found, all);
    let others = found.threads.iter();
    let others = others.filter(|thread| call_on(found, thread.id).is_none());
    let (own, runtime): (Vec<_>, Vec<_>) = others.partition(|it| all || has_user_code(&it.stack));
    for (stack, threads) in grouped(&own) {
        page += &format!("\n{}\n{}", heading(&threads), frames(stack, all));
    }
    if !runtime.is_empty() {
        page += &format!(
            "\n{} without code of the program: {}\n",
            count(runtime.len(), "thread"),
            tally(&runtime)
        );
    }
    for missed in &stacks.missed {
        page += &format!(
            "\nthread {} ({}) did not stop in time{}\n",
            missed.name,
            missed.id,
            match missed.state {
                'D' => ": the kernel holds it where nothing interrupts it (state D)",
                _ => "",
            }
        );
    }
    page
}

fn calls(found: &Found, all: bool) -> String {
    let Some(calls) = &found.calls else {
        return "\ncalls: not known, the worker did not say in time\n".to_owned();
    };
    let mut text = String::new();
    // Many calls of one function wait at one place.
    let mut shown: Vec<(&Call, Vec<String>)> = Vec::new();
    for call in calls {
        let name = name(call);
        let same = shown.iter_mut().find(|(other, _)| is_same(other, call));
        match same {
            Some((_, names)) => names.push(name),
            None => shown.push((call, vec![name])),
        }
    }
    for (call, names) in shown {
        let (whereabouts, stack) = place(found, call, all);
        let lines = names.iter().map(|name| format!("{name}, {whereabouts}\n"));
        text += &format!("\n{}{stack}", lines.collect::<String>());
    }
    if stacks_more(found) > 0 {
        text += &format!("\nand {} more\n", count(stacks_more(found), "call"));
    }
    if calls.is_empty() {
        text += "\nno calls\n";
    }
    text
}

fn stacks_more(found: &Found) -> usize {
    usize::try_from(found.stacks.more_calls).unwrap_or(usize::MAX)
}

fn name(call: &Call) -> String {
    let it = &call.stack.call;
    format!(
        "call {} {}  generation {}, for {}",
        it.call.number,
        it.call.function,
        it.call.generation,
        duration(Duration::from_millis(it.age_ms))
    )
}

/// Two that wait at the same place.
fn is_same(one: &Call, other: &Call) -> bool {
    let function = |call: &Call| {
        (
            call.stack.call.call.function.clone(),
            call.stack.call.call.generation,
        )
    };
    let waits = |call: &Call| matches!(call.stack.place, CallWhere::Waits(_));
    let kind = |call: &Call| std::mem::discriminant(&call.stack.place);
    waits(one)
        && kind(one) == kind(other)
        && !one.ways.is_empty()
        && function(one) == function(other)
        && one.ways == other.ways
}

/// Where a call is, and the frames there.
fn place(found: &Found, call: &Call, all: bool) -> (String, String) {
    let waits = match &call.stack.place {
        CallWhere::Thread(id) => {
            return match found.threads.iter().find(|it| it.id == *id) {
                Some(thread) => (
                    format!("on thread {} ({id})", thread.name),
                    frames(&thread.stack, all),
                ),
                None => (
                    format!("on a thread that did not stop in time ({id})"),
                    String::new(),
                ),
            };
        }
        CallWhere::Moved => return ("which moved on at this moment".to_owned(), String::new()),
        CallWhere::Waits(waits) => waits,
    };
    let place = match (waits, call.ways.len()) {
        (Waits::At(_), 0) => {
            "waits for something that keeps no waker: where is not known".to_owned()
        }
        (Waits::At(_), 1) => "waits".to_owned(),
        (Waits::At(_), ways) => format!("waits for {ways} at once"),
        (Waits::NotBegun, _) => "waits for a thread that begins it".to_owned(),
        (Waits::NotPolled | Waits::NotAsked, _) => {
            "waits: no thread of the runtime was free to say where".to_owned()
        }
        (Waits::NoRoom, _) => "waits: left out, as too many do".to_owned(),
    };
    let ways = call.ways.iter().map(|way| frames(way, all));
    (place, ways.collect::<Vec<_>>().join("    and\n"))
}

/// Threads with equal stacks, those with the most first.
fn grouped<'a>(threads: &[&'a Thread]) -> Vec<(&'a Named, Vec<&'a Thread>)> {
    let mut groups: Vec<(&Named, Vec<&Thread>)> = Vec::new();
    for &thread in threads {
        match groups.iter_mut().find(|(stack, _)| **stack == thread.stack) {
            Some((_, threads)) => threads.push(thread),
            None => groups.push((&thread.stack, vec![thread])),
        }
    }
    groups
}

fn heading(threads: &[&Thread]) -> String {
    match threads {
        [thread] => format!(
            "thread {} ({}), {}",
            thread.name,
            thread.id,
            state(thread.state)
        ),
        threads => format!(
            "{} with one stack: {}",
            count(threads.len(), "thread"),
            tally(threads)
        ),
    }
}

/// `kt-io 4, kt-async 2`.
fn tally(threads: &[&Thread]) -> String {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for thread in threads {
        *names.entry(&thread.name).or_default() += 1;
    }
    let names = names.iter().map(|(name, count)| match count {
        1 => (*name).to_owned(),
        count => format!("{name} {count}"),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn state(state: char) -> &'static str {
    match state {
        'R' => "runs",
        'D' => "waits for a device",
        'T' | 't' => "is stopped",
        _ => "waits",
    }
}

fn has_user_code(stack: &Named) -> bool {
    stack.frames.iter().any(|frame| frame.user)
}

/// A line for each frame, innermost first, the user's marked. Of others, unless all are shown, there is the one that the user's
/// innermost function has called, and the rest are counted.
fn frames(stack: &Named, all: bool) -> String {
    let first = stack.frames.iter().position(|frame| frame.user);
    let is_shown =
        |index: usize, frame: &Frame| all || frame.user || frame.named && first == Some(index + 1);
    let (mut text, mut folded) = (String::new(), 0);
    for (index, frame) in stack.frames.iter().enumerate() {
        if is_shown(index, frame) {
            text += &fold(std::mem::take(&mut folded));
            text += &line(frame, all);
        } else {
            folded += 1;
        }
    }
    text += &fold(folded);
    if !stack.whole {
        text += "    … the rest is not known\n";
    }
    text
}

fn fold(frames: usize) -> String {
    match frames {
        0 => String::new(),
        frames => format!("    … {}\n", count(frames, "frame")),
    }
}

fn line(frame: &Frame, all: bool) -> String {
    let mark = if frame.user { "  * " } else { "    " };
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) if frame.user || all => {
            format!("{mark}{}  {file}:{line}\n", frame.function)
        }
        _ => format!("{mark}{}\n", frame.function),
    }
}
