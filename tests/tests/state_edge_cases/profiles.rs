//! Profiles without the debug information that layouts are read from.

use crate::{ask, build, with, write};

const ITEMS: &str = r#"
use std::{collections::BTreeMap, sync::Mutex};

struct Item { a: u32, b: u32 }

#[kt::state]
static ITEMS: Mutex<BTreeMap<String, Item>> = Mutex::new(BTreeMap::new());

pub fn answer(arguments: &[&str]) -> String {
    let mut items = ITEMS.lock().unwrap();
    if let ["fill"] = arguments {
        items.insert("one".into(), Item { a: 0xA5A5_0001, b: 0xA5A5_0002 });
    }
    let shown = |(name, item): (&String, &Item)| format!("{name} {:X} {:X}", item.a, item.b);
    items.iter().map(shown).next().unwrap_or("nothing".into())
}
"#;

fn without_debug_information(profile: &str) {
    let project = with(ITEMS);
    project.edit(
        "Cargo.toml",
        "[profile.dev]\n",
        &format!("[profile.dev]\n{profile}\n"),
    );
    assert_eq!(ask(&project, "fill"), "one A5A50001 A5A50002");
    write(
        &project,
        &ITEMS.replace("{name} {:X} {:X}", "{name}: {:X} {:X}"),
    );
    build(&project).success().does_not_report("reset");
    assert_eq!(ask(&project, "look"), "one: A5A50001 A5A50002");
    write(&project, &ITEMS.replace("a: u32, b: u32", "b: u32, a: u32"));
    build(&project)
        .success()
        .says("state `edge_cases::states::ITEMS` was reset to its initial value");
    assert_eq!(ask(&project, "look"), "nothing");
}

#[test]
fn crate_without_debug_info_keeps_and_resets_states() {
    without_debug_information("debug = 0");
}

#[test]
fn stripped_program_keeps_and_resets_states() {
    without_debug_information("debug = false\nstrip = true\nsplit-debuginfo = \"packed\"");
}
