//! How long it takes to describe a state with a large type.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use super::fixture::Fixture;
use crate::{
    context::Wrappers,
    layout::{dwarf, type_probe},
};

/// The goal, with optimizations.
const GOAL: Duration = Duration::from_millis(50);

/// A tree of structs and enums with typical fields.
fn source(structs: usize, with_collections: bool) -> String {
    let mut text = String::from(
        "use std::{collections::{BTreeMap, HashMap}, sync::{Arc, Mutex}};
        pub struct Share<T>(T); unsafe impl<T> Sync for Share<T> {}\n",
    );
    for number in 0..structs {
        let child = |child: usize| match 2 * number + child {
            leaf if leaf >= structs => "u8".to_owned(),
            child => format!("T{child}"),
        };
        let (one, two) = (child(1), child(2));
        let fields = match (number % 3, with_collections) {
            (0, true) => format!("{{ by_name: HashMap<String, {one}>, all: Vec<{two}> }}"),
            (1, true) => format!("{{ sorted: BTreeMap<u32, {one}>, best: Option<Box<{two}>> }}"),
            (_, true) => format!("{{ shared: Arc<Mutex<{one}>>, few: [{two}; 4] }}"),
            (_, false) => format!("{{ id: u64, name: String, one: {one}, two: *const {two} }}"),
        };
        writeln!(text, "pub struct T{number} {fields}").expect("a string takes it");
    }
    text +=
        "#[unsafe(export_name = \"kt:init:state\")] static STATE: Share<Option<T0>> = Share(None);";
    text
}

/// How many types are reached, and the best time of a few runs to read them from rustc's output.
fn describe(structs: usize, with_collections: bool) -> (usize, Duration) {
    let fixture = Fixture::new(&source(structs, with_collections), "", &["state"]);
    let invocation = fixture.compiled.hot[1]
        .invocation
        .as_ref()
        .expect("a fixture's crate has one");
    let directory = fixture.source(1).with_file_name("probe");
    let object = type_probe::compile(invocation, &Wrappers::default(), &directory)
        .expect("rustc compiles it");
    let symbols = ["kt:init:state".to_owned()];
    let mut best = Duration::MAX;
    let mut types = 0;
    for _ in 0..5 {
        let started = Instant::now();
        let mut described = dwarf::describe(&object, &symbols).expect("the object can be read");
        let description = described.remove(&symbols[0]).expect("it was requested");
        types = description.expect("its type can be described").types.len();
        best = best.min(started.elapsed());
    }
    (types, best)
}

#[test]
fn a_state_of_five_hundred_types_is_described_in_fifty_milliseconds() {
    for (structs, with_collections) in [(400, false), (60, true), (500, true)] {
        let (types, took) = describe(structs, with_collections);
        println!("{structs} types of the program reach {types} types, described in {took:?}");
        assert!(types >= 500, "{types}");
        // The goal does not apply without optimizations.
        if !cfg!(debug_assertions) && types < 5000 {
            assert!(took < GOAL, "{types} types take {took:?}");
        }
    }
}
