//! Code that runs when an object is loaded, and may register something in third-party crates. They
//! keep the registrations of older generations.

use kt::wire::{control::Swapped, manifest::Manifest};

use crate::{link::Linked, place::Connected, terminal::Terminal};

/// Names the crates whose new objects ran such code again.
pub(super) fn reran(
    terminal: &Terminal,
    connected: &Connected,
    linked: &Linked,
    swapped: &Swapped,
) {
    let old = connected.status.current.as_ref().map(|(_, old)| old);
    let (Some(old), true, None) = (old, swapped.changed, &swapped.replaced) else {
        return;
    };
    let loaded_before = |name: &str| swapped.loaded.iter().any(|it| it.name == name && it.again);
    for line in lines(old, linked, loaded_before) {
        terminal.note(line);
    }
}

fn lines(old: &Manifest, linked: &Linked, loaded_before: impl Fn(&str) -> bool) -> Vec<String> {
    let ran_before = |package: &str, name: &str| {
        let mut crates = old.crates.iter();
        crates.any(|it| it.package == package && it.crate_name == name)
    };
    let mut lines = Vec::new();
    for krate in &linked.crates {
        let Some(((package, path), more)) = krate.registers.split_first() else {
            continue;
        };
        if loaded_before(&krate.file.soname) || !ran_before(&krate.package, &krate.crate_name) {
            continue;
        }
        let more = match more.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        lines.push(format!(
            "`{}` runs code when it is loaded, and ran it again: it can reach static `{path}` of `{package}`{more}, which keeps its former registrations",
            krate.crate_name
        ));
    }
    lines
}
