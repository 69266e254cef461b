//! Formats a snapshot for the terminal: calls, then other threads that run code of the program,
//! then a line for all others.

use std::{collections::BTreeMap, time::Duration};

use kt::wire::{calls::Waits, sample::CallWhere};

use super::{Call, Snapshot, Thread, call_on};
use crate::{
    stacks::{Frame, Named},
    terminal::text::{count, duration},
};

pub(super) fn page(snapshot: &Snapshot, all: bool) -> String {
    let stacks = &snapshot.stacks;
    let mut page = format!(
        "{}  worker {} (process {}), generation {}: {} paused for {}\n",
        snapshot.service,
        stacks.worker.instance,
        stacks.worker.pid,
        stacks.generation,
        count(snapshot.threads.len(), "thread"),
        duration(Duration::from_micros(stacks.stood_us)),
    );
    page += &calls(snapshot, all);
    let others = snapshot.threads.iter();
    let others = others.filter(|thread| call_on(snapshot, thread.id).is_none());
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
                'D' => ": it is in uninterruptible sleep (state D)",
                _ => "",
            }
        );
    }
    page
}

fn calls(snapshot: &Snapshot, all: bool) -> String {
    let Some(calls) = &snapshot.calls else {
        return "\ncalls: unknown, the worker did not respond in time\n".to_owned();
    };
    let mut text = String::new();
    // Many calls of one function may wait at the same place.
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
        let (location, stack) = place(snapshot, call, all);
        let lines = names.iter().map(|name| format!("{name}, {location}\n"));
        text += &format!("\n{}{stack}", lines.collect::<String>());
    }
    if stacks_more(snapshot) > 0 {
        text += &format!("\nand {} more\n", count(stacks_more(snapshot), "call"));
    }
    if calls.is_empty() {
        text += "\nno calls\n";
    }
    text
}

fn stacks_more(snapshot: &Snapshot) -> usize {
    usize::try_from(snapshot.stacks.more_calls).unwrap_or(usize::MAX)
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

/// Whether two calls wait at the same place.
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
        && !one.awaits.is_empty()
        && function(one) == function(other)
        && one.awaits == other.awaits
}

/// The location of a call, and its frames.
fn place(snapshot: &Snapshot, call: &Call, all: bool) -> (String, String) {
    let waits = match &call.stack.place {
        CallWhere::Thread(id) => {
            return match snapshot.threads.iter().find(|it| it.id == *id) {
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
        CallWhere::Moved => {
            return (
                "moved between threads during the snapshot".to_owned(),
                String::new(),
            );
        }
        CallWhere::Waits(waits) => waits,
    };
    let place = match (waits, call.awaits.len()) {
        (Waits::At(_), 0) => "waiting (location unknown: nothing stored its waker)".to_owned(),
        (Waits::At(_), 1) => "waiting".to_owned(),
        (Waits::At(_), count) => format!("waiting at {count} places"),
        (Waits::NotBegun, _) => "waiting for a thread to start on".to_owned(),
        (Waits::NotPolled | Waits::NotAsked, _) => {
            "waiting (location unknown: no runtime thread was free to poll it)".to_owned()
        }
        (Waits::NoRoom, _) => "waiting (omitted: too many waiting calls)".to_owned(),
    };
    let awaits = call.awaits.iter().map(|stack| frames(stack, all));
    (place, awaits.collect::<Vec<_>>().join("    and\n"))
}

/// Groups threads with equal stacks.
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
            "{} with the same stack: {}",
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
        'R' => "running",
        'D' => "in uninterruptible sleep",
        'T' | 't' => "stopped",
        _ => "sleeping",
    }
}

fn has_user_code(stack: &Named) -> bool {
    stack.frames.iter().any(|frame| frame.user)
}

/// A line per frame, innermost first, with user frames marked. Of the other frames, unless all are
/// shown, it has only the one called by the innermost user function; the rest are counted.
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
        text += "    … rest unknown\n";
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
