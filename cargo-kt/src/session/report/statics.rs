//! Plain statics that a swap reset: they are in the memory of their crate's object, and that object
//! was replaced.

use std::collections::BTreeSet;

use kt::wire::{
    control::Swapped,
    manifest::{CrateObject, Manifest, PlainStatic},
};
use serde::Serialize;

use crate::{place::Connected, terminal::Terminal};

/// Up to this number each static has its own line; more share one, except with `-v`.
const NAMED: usize = 4;
/// How many names the shared line has.
const EXAMPLES: usize = 3;

/// A static that both generations have, each in its own object.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct ResetStatic<'a> {
    #[serde(rename = "crate")]
    krate: &'a str,
    #[serde(flatten)]
    plain: &'a PlainStatic,
    /// Its object served before: the value is the one from that time.
    again: bool,
}

impl ResetStatic<'_> {
    fn line(&self) -> String {
        let Self {
            krate,
            plain,
            again,
        } = self;
        let kind = kind(plain);
        let advice = match (plain.by_macro, plain.thread_local) {
            // There is no static to put the attribute on.
            (true, _) => "",
            (false, false) => "; use `#[kt::state]` to preserve it",
            (false, true) => "; use a `#[kt::state]` to preserve it",
        };
        let place = plain.place.as_ref();
        let place = place.map_or(String::new(), |it| format!(" ({}:{})", it.file, it.line));
        let what = match again {
            false => format!("was reset because crate `{krate}` changed"),
            true => format!(
                "was restored to its value from the last time this version of `{krate}` ran"
            ),
        };
        let origin = if plain.by_macro {
            " (defined by a macro)"
        } else {
            ""
        };
        format!("{kind} `{}`{place}{origin} {what}{advice}", plain.path)
    }
}

fn kind(plain: &PlainStatic) -> &'static str {
    if plain.thread_local {
        "thread-local"
    } else {
        "static"
    }
}

/// Names the statics that were reset. With a new worker all are, which is reported once for all of
/// them.
pub(super) fn reset(terminal: &Terminal, connected: &Connected, new: &Manifest, swapped: &Swapped) {
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
    let mut lost = lost;
    if !terminal.is_verbose() {
        // Its name is not in the sources of the program.
        lost.retain(|it| !(it.plain.by_macro && it.plain.place.is_none()));
    }
    if terminal.is_verbose() || lost.len() <= NAMED {
        lost.iter().for_each(|it| terminal.note(it.line()));
    } else {
        terminal.note(together(&lost));
    }
}

/// One line for many.
fn together(lost: &[ResetStatic<'_>]) -> String {
    let count = |thread_local: bool, word: &str| {
        let number = lost
            .iter()
            .filter(|it| it.plain.thread_local == thread_local)
            .count();
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{number} {word}{plural}"))
    };
    let counts = [count(false, "static"), count(true, "thread-local")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let crates: BTreeSet<&str> = lost.iter().map(|it| it.krate).collect();
    let crates: Vec<String> = crates.iter().map(|name| format!("`{name}`")).collect();
    let examples: Vec<String> = lost
        .iter()
        .take(EXAMPLES)
        .map(|it| format!("`{}`", it.plain.path))
        .collect();
    let again = if lost.iter().all(|it| it.again) {
        "were restored to their values from the last time this version ran"
    } else if lost.iter().any(|it| it.again) {
        "were reset, or restored to their values from the last time this version ran"
    } else {
        "were reset"
    };
    format!(
        "{} of {} {again}: {} and {} more; use `#[kt::state]` to preserve a static; `-v` lists them all",
        counts.join(" and "),
        crates.join(", "),
        examples.join(", "),
        lost.len() - examples.len()
    )
}

fn between<'a>(
    old: &Manifest,
    new: &'a Manifest,
    again: impl Fn(&CrateObject) -> bool,
) -> Vec<ResetStatic<'a>> {
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
        lost.extend(
            object
                .statics
                .iter()
                .filter(was_there)
                .map(|plain| ResetStatic {
                    krate: &object.crate_name,
                    plain,
                    again: again(object),
                }),
        );
    }
    // A package's library and binary of one name may both have it.
    let mut seen = BTreeSet::new();
    lost.retain(|it| seen.insert(it.plain));
    lost
}
