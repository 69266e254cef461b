//! Which plain statics a swap left behind: they live in the memory of their crate's object, which is another one now.

use kt::wire::{
    control::Swapped,
    manifest::{CrateObject, Manifest, PlainStatic},
};
use serde::Serialize;

use crate::{place::Connected, terminal::Terminal};

/// How many are named, unless more is asked for.
const NAMED: usize = 8;

/// A static that both generations have, in objects of their own.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Lost<'a> {
    #[serde(rename = "crate")]
    krate: &'a str,
    #[serde(flatten)]
    plain: &'a PlainStatic,
    /// Its object served before, so the value is the one that it was left with then.
    again: bool,
}

impl Lost<'_> {
    fn line(&self) -> String {
        let Self {
            krate,
            plain,
            again,
        } = self;
        let (kind, advice) = match plain.thread_local {
            false => ("static", "`#[kt::state]` would keep it"),
            true => ("thread-local", "a `#[kt::state]` would be kept"),
        };
        let place = plain.place.as_ref();
        let place = place.map_or(String::new(), |it| format!(" ({}:{})", it.file, it.line));
        let what = match again {
            false => format!("starts afresh with the new code of `{krate}`"),
            true => format!("is as it was when this code of `{krate}` served last"),
        };
        format!("{kind} `{}`{place} {what}; {advice}", plain.path)
    }
}

/// Names what started afresh. Nothing did if nothing ran before, and of a worker that is gone it is said as a whole.
pub(in crate::command) fn lost(
    terminal: &Terminal,
    connected: &Connected,
    new: &Manifest,
    swapped: &Swapped,
) {
    let old = connected.status.current.as_ref().map(|(_, old)| old);
    let (Some(old), true, None) = (old, swapped.changed, &swapped.replaced) else {
        return;
    };
    let again = |object: &CrateObject| {
        let mut loaded = swapped.loaded.iter();
        loaded.any(|it| it.name == object.object.name && it.again)
    };
    let lost = between(old, new, again);
    if lost.is_empty() {
        return;
    }
    terminal.json("kt-statics", &serde_json::json!({ "lost": lost }));
    let named = if terminal.is_verbose() {
        lost.len()
    } else {
        NAMED
    };
    for it in lost.iter().take(named) {
        terminal.note(it.line());
    }
    if lost.len() > named {
        terminal.note(format_args!(
            "and {} more (-v lists them)",
            lost.len() - named
        ));
    }
}

fn between<'a>(
    old: &Manifest,
    new: &'a Manifest,
    again: impl Fn(&CrateObject) -> bool,
) -> Vec<Lost<'a>> {
    let mut lost = Vec::new();
    for object in &new.crates {
        let same_crate = |it: &&CrateObject| {
            (&it.package, &it.crate_name) == (&object.package, &object.crate_name)
        };
        // A package's library and binary can share a name.
        let before: Vec<_> = old.crates.iter().filter(same_crate).collect();
        if before.iter().any(|it| it.object == object.object) {
            continue;
        }
        let was_there = |plain: &&PlainStatic| {
            let mut statics = before.iter().flat_map(|it| &it.statics);
            statics.any(|it| (&it.path, it.thread_local) == (&plain.path, plain.thread_local))
        };
        lost.extend(object.statics.iter().filter(was_there).map(|plain| Lost {
            krate: &object.crate_name,
            plain,
            again: again(object),
        }));
    }
    lost
}
