use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use camino::Utf8Path;

use super::cases::{CASES, Case};
use super::fixture::Fixture;
use crate::layout::Layout;

const DEV: &str = "";
const RELEASE: &str = "-C opt-level=3";

const DEP: &str = "
pub struct Pair<A, B> { pub a: A, pub b: B }
pub struct Both<A, B> { pub a: A, pub b: B }
pub struct Erased<T> { pub pointer: *mut u8, pub of: std::marker::PhantomData<T> }
pub struct Shared { pub width: u64 }
pub trait Plugs { fn one(&self); fn two(&self); }
";

/// The edits in `dep` that the cases use.
fn after_in_dep() -> String {
    let edits = [
        ("width: u64", "width: u32"),
        (
            "Both<A, B> { pub a: A, pub b: B }",
            "Both<A, B> { pub b: B, pub a: A }",
        ),
        (
            "fn one(&self); fn two(&self);",
            "fn two(&self); fn one(&self);",
        ),
    ];
    let edit = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    edits.iter().fold(DEP.to_owned(), edit)
}

/// Code that an unrelated edit may add around a type: shifted `impl` and closure numbers, other
/// hashes, more items of every kind.
const NOISE: &str = "
pub struct Unrelated { pub x: [u8; 77] }
impl Unrelated { pub fn one() -> impl Fn(u8) -> u8 { |x| x + 1 } }
impl Clone for Unrelated { fn clone(&self) -> Self { Unrelated { x: self.x } } }
pub const UNRELATED: u8 = 3;
pub static PLAIN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
pub fn uses_much() -> usize { let all: HashMap<u8, Vec<Unrelated>> = HashMap::new(); all.len() }
";

/// One crate with one module and one state for every case.
fn source(items: impl Fn(&Case) -> &'static str, around: &str) -> (String, Vec<String>) {
    let mut text = String::from("#![allow(dead_code, unused_imports)]\n");
    text.push_str("pub struct Share<T>(T); unsafe impl<T> Sync for Share<T> {} unsafe impl<T> Send for Share<T> {}\n");
    let mut keys = vec!["local".to_owned()];
    for case in CASES {
        write!(
            text,
            "pub mod {name} {{
                use std::{{cell::{{Cell, RefCell}}, collections::{{BTreeMap, HashMap}}, rc::Rc, sync::{{*, Arc}}}};
                {around} {items}
                #[unsafe(export_name = \"kt:init:{name}\")]
                static STATE: OnceLock<crate::Share<{state}>> = OnceLock::new();
            }}\n",
            name = case.name,
            items = items(case),
            state = case.state,
        )
        .expect("a string takes it");
        keys.push(case.name.to_owned());
    }
    (text, keys)
}

fn fixture(
    profile: &str,
    items: impl Fn(&Case) -> &'static str,
    around: &str,
    dep: &str,
) -> Fixture {
    let (text, keys) = source(items, around);
    Fixture::in_profile(
        profile,
        &text,
        dep,
        &keys.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

fn layouts(fixture: &Fixture) -> HashMap<String, Layout> {
    let known = |state: crate::layout::StateLayout| match state.layout {
        Ok(layout) => (state.key, layout),
        Err(unknown) => panic!("the layout of {} is unknown: {unknown:?}", state.key),
    };
    fixture.layouts().0.into_iter().map(known).collect()
}

#[test]
fn an_edit_changes_the_fingerprints_of_the_states_it_matters_to_and_no_others_in_dev() {
    an_edit_changes_what_it_matters_to(DEV);
}

#[test]
fn an_edit_changes_the_fingerprints_of_the_states_it_matters_to_and_no_others_in_release() {
    an_edit_changes_what_it_matters_to(RELEASE);
}

/// The user's profile may disable debug information. The type probe enables what it needs.
#[test]
fn a_profile_without_debug_information_gives_the_same_fingerprints() {
    let fingerprints = |profile: &str| {
        let layouts = layouts(&fixture(profile, |case| case.before, "", DEP));
        // Opaque states depend on all sources, whose paths differ between the fixtures.
        let visible = layouts.into_iter().filter(|(_, it)| it.opaque.is_empty());
        let text = |(name, layout): (String, Layout)| (name, layout.fingerprint.to_string());
        visible.map(text).collect::<BTreeMap<_, _>>()
    };
    let stripped = format!("{RELEASE} -C debuginfo=0 -C strip=symbols");
    assert_eq!(fingerprints(&stripped), fingerprints(RELEASE));

    let mut edited = edited();
    let before = self::fingerprints(&edited).0;
    edited.add_argument("-C debuginfo=0 -C strip=symbols");
    assert_eq!(self::fingerprints(&edited), (before, false));
}

fn an_edit_changes_what_it_matters_to(profile: &str) {
    let before = layouts(&fixture(profile, |case| case.before, "", DEP));
    let noisy = layouts(&fixture(profile, |case| case.before, NOISE, DEP));
    let mut after = fixture(profile, |case| case.after, "", &after_in_dep());
    after.add_argument("--cfg after");
    let after = layouts(&after);

    let mut wrong = Vec::new();
    for (name, old) in &before {
        let (noisy, new) = (&noisy[name], &after[name]);
        if noisy.description != old.description {
            let difference = old.description.difference(&noisy.description);
            wrong.push(format!("{name}: an unrelated edit changed {difference:?}"));
        }
        if (noisy.fingerprint == old.fingerprint) != old.opaque.is_empty() {
            wrong.push(format!(
                "{name}: equal across an unrelated edit, though it reaches {:?}",
                old.opaque
            ));
        }
        if new.fingerprint == old.fingerprint {
            wrong.push(format!("{name}: the edit went unnoticed"));
        }
        let Some(case) = CASES.iter().find(|case| case.name == *name) else {
            continue;
        };
        let reported = old.description.difference(&new.description);
        let expected = case.difference.replace("{}", name);
        if !reported
            .as_ref()
            .is_none_or(|reported| reported.contains(&expected))
            || reported.is_none() && !expected.is_empty()
        {
            wrong.push(format!(
                "{name}: reported {reported:?} in place of {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(before.len(), CASES.len() + 1);
}

#[test]
fn states_without_a_visible_type_are_opaque() {
    let layouts = layouts(&fixture(DEV, |case| case.before, "", DEP));
    let mut opaque: Vec<&str> = layouts
        .iter()
        .filter(|(_, layout)| !layout.opaque.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    opaque.sort_unstable();
    let mut expected = super::cases::OPAQUE.to_vec();
    expected.sort_unstable();
    assert_eq!(opaque, expected);
}

/// A program with a few states, which tests edit in place.
const EDITED: &str = "
pub struct Share<T>(T); unsafe impl<T> Sync for Share<T> {} unsafe impl<T> Send for Share<T> {}
pub trait Speaks { fn speak(&self); }
pub struct Other { a: u8 }
pub fn body() -> u8 { 1 }
#[unsafe(export_name = \"kt:init:plain\")] static PLAIN: Share<Vec<u64>> = Share(Vec::new());
#[unsafe(export_name = \"kt:init:of_dep\")] static OF_DEP: Share<Vec<dep::Shared>> = Share(Vec::new());
#[unsafe(export_name = \"kt:init:opaque\")] static OPAQUE: Share<Vec<Box<dyn Speaks>>> = Share(Vec::new());
";

fn edited() -> Fixture {
    Fixture::new(EDITED, DEP, &["plain", "of_dep", "opaque"])
}

/// The fingerprints of `plain`, `of_dep` and `opaque`, and whether rustc ran.
fn fingerprints(fixture: &Fixture) -> (Vec<String>, bool) {
    let (layouts, has_type_probes) = fixture.layouts();
    let text = |state: crate::layout::StateLayout| {
        state.layout.map(|layout| layout.fingerprint.to_string())
    };
    (
        layouts
            .into_iter()
            .map(|state| text(state).expect("the layout is known"))
            .collect(),
        has_type_probes,
    )
}

#[test]
fn rustc_does_not_run_again_for_an_edit_that_cannot_change_a_type() {
    let fixture = edited();
    let (before, has_type_probes) = fingerprints(&fixture);
    assert!(has_type_probes);
    assert_eq!(fingerprints(&fixture), (before.clone(), false));
    fixture.edit(1, |text| text.replace("{ 1 }", "{ 2 + 2 } // why not"));
    assert_eq!(fingerprints(&fixture), (before, false));
}

#[test]
fn the_fingerprint_of_an_opaque_state_changes_with_any_type_of_any_hot_crate() {
    let fixture = edited();
    let (before, _) = fingerprints(&fixture);
    let mut last = before.clone();
    let edits: [(usize, &str, &str); 4] = [
        (1, "Other { a: u8 }", "Other { a: u16 }"),
        (1, "fn speak(&self);", "fn speak(&self); fn shout(&self);"),
        (
            0,
            "Pair<A, B> { pub a: A, pub b: B }",
            "Pair<A, B> { pub b: B, pub a: A }",
        ),
        (0, "pub of:", "pub is:"),
    ];
    for (hot, old, new) in edits {
        fixture.edit(hot, |text| text.replace(old, new));
        fixture.compile(0);
        let (now, has_type_probes) = fingerprints(&fixture);
        assert!(has_type_probes, "{new}");
        assert_eq!(now[..2], before[..2], "{new}");
        assert_ne!(now[2], last[2], "{new}");
        last = now;
    }
}

#[test]
fn undoing_an_edit_gives_the_earlier_fingerprints_without_rustc() {
    let fixture = edited();
    let (before, _) = fingerprints(&fixture);
    fixture.edit(0, |text| text.replace("width: u64", "width: u32"));
    fixture.compile(0);
    let (changed, _) = fingerprints(&fixture);
    assert_ne!(changed[1], before[1]);
    fixture.edit(0, |text| text.replace("width: u32", "width: u64"));
    fixture.compile(0);
    assert_eq!(fingerprints(&fixture), (before, false));
}

#[test]
fn a_flag_that_may_change_types_changes_the_fingerprint_of_an_opaque_state() {
    let mut fixture = edited();
    let (before, _) = fingerprints(&fixture);
    fixture.add_argument("--cfg feature=\"more\"");
    let (now, has_type_probes) = fingerprints(&fixture);
    assert!(has_type_probes);
    assert_eq!(now[..2], before[..2]);
    assert_ne!(now[2], before[2]);
}

#[test]
fn a_crate_name_that_two_crates_have_makes_a_state_opaque() {
    let mut fixture = edited();
    fixture.add_base(&["other", "dep"]);
    let (layouts, _) = fixture.layouts();
    let of_dep = layouts[1].layout.as_ref().expect("the layout is known");
    assert!(
        of_dep.opaque.iter().any(|it| it.contains("dep::Shared")),
        "{:?}",
        of_dep.opaque
    );
    let plain = layouts[0].layout.as_ref().expect("the layout is known");
    assert!(plain.opaque.is_empty(), "{:?}", plain.opaque);
}

fn reason(fixture: &Fixture) -> String {
    let (layouts, _) = fixture.layouts();
    layouts[0]
        .layout
        .as_ref()
        .expect_err("the layout is unknown")
        .to_string()
}

#[test]
fn a_failed_type_probe_gives_a_reason_in_place_of_a_fingerprint() {
    let mut broken = edited();
    broken.edit(1, |text| text + "fn broken() -> u8 { \"text\" }");
    assert!(
        reason(&broken).contains("error[E0308]"),
        "{}",
        reason(&broken)
    );

    broken.edit(1, |_| EDITED.replace("kt:init:plain", "kt:init:moved"));
    assert!(
        reason(&broken).contains("`kt:init:plain`"),
        "{}",
        reason(&broken)
    );

    broken.compiled.hot[1].invocation = None;
    broken.edit(1, |text| text + "struct New;");
    assert!(
        reason(&broken).contains("make it a member"),
        "{}",
        reason(&broken)
    );
}

#[test]
fn sources_that_change_while_rustc_runs_give_no_fingerprint() {
    let mut fixture = edited();
    // A slow compiler: a file is saved while it runs.
    let script = fixture.source(1).with_file_name("slow-rustc");
    let text = format!(
        "#!/bin/sh\necho '// saved' >> {}\nexec {} \"$@\"\n",
        fixture.source(1),
        fixture.compiled.toolchain.rustc
    );
    std::fs::write(&script, text).expect("the script can be written");
    // The script is read by a shell and not executed directly: other threads that fork would keep
    // it busy (ETXTBSY).
    let invocation = fixture.compiled.hot[1]
        .invocation
        .as_mut()
        .expect("a fixture's crate has an invocation");
    let rustc = invocation.arguments.clone();
    invocation
        .arguments
        .splice(..1, ["sh".to_owned(), script.to_string()]);
    assert!(reason(&fixture).contains("run again"));

    let invocation = fixture.compiled.hot[1]
        .invocation
        .as_mut()
        .expect("a fixture's crate has an invocation");
    invocation.arguments = rustc;
    fingerprints(&fixture);
}

#[test]
fn a_procedural_macro_counts_by_content_unless_it_is_from_a_registry() {
    let mut fixture = edited();
    let library = fixture.source(1).with_file_name("libmacros-feed.so");
    let dep_info = library.with_file_name("macros-feed.d");
    let write = |path: &camino::Utf8Path, text: &str| {
        std::fs::write(path, text).expect("the file can be written")
    };
    // The source does not use it, so rustc never opens it.
    fixture.add_argument(&format!("--extern macros={library}"));
    write(&library, "one");
    write(&dep_info, "libmacros-feed.so: /home/me/macros/src/lib.rs\n");
    let (before, _) = fingerprints(&fixture);
    write(&library, "two");
    let (now, has_type_probes) = fingerprints(&fixture);
    assert!(has_type_probes && now[2] != before[2]);

    write(
        &dep_info,
        "libmacros-feed.so: /home/me/.cargo/registry/src/index/macros-1.0.0/src/lib.rs\n",
    );
    let (before, _) = fingerprints(&fixture);
    write(&library, "three");
    assert_eq!(fingerprints(&fixture), (before, false));
}

#[test]
fn the_output_of_an_unknown_macro_is_not_inferred_from_its_input() {
    // Behaves as a procedural macro that reads a file without reporting it to rustc.
    let text = format!("{EDITED} given!{{ UserId }}\n");
    let text = format!("#[macro_use] extern crate dep as _; {text}");
    let dep = format!(
        "{DEP} #[macro_export] macro_rules! given {{ ($n:ident) => {{ pub struct $n(u8); }} }}"
    );
    let mut fixture = Fixture::new(&text, &dep, &["plain", "of_dep", "opaque"]);
    // Macros of hot crates are read as any source.
    let (before, _) = fingerprints(&fixture);
    assert_eq!(fingerprints(&fixture), (before.clone(), false));
    // The same macro in a crate that is not hot.
    fixture.edit(0, |_| DEP.to_owned());
    let rlib = fixture.compiled.hot[1].rlib.clone();
    std::fs::write(&rlib, "compiled from one file").expect("the file can be written");
    fixture.compiled.hot[1].dependencies.clear();
    let begin = |fixture: &Fixture| fixture.layouts().1;
    assert!(begin(&fixture));
    assert!(!begin(&fixture));
    std::fs::write(&rlib, "compiled from another").expect("the file can be written");
    assert!(begin(&fixture));
}

#[test]
fn a_variable_read_by_the_code_is_part_of_the_types() {
    let mut fixture = edited();
    fixture.compiled.hot[1].variables = vec![("WIDTH".to_owned(), None)];
    let (before, _) = fingerprints(&fixture);
    assert_eq!(fingerprints(&fixture), (before.clone(), false));
    fixture.compiled.hot[1].variables = vec![("WIDTH".to_owned(), Some("2".to_owned()))];
    let (now, has_type_probes) = fingerprints(&fixture);
    // rustc runs. Its types decide for visible types, and the variable's value for opaque ones.
    assert!(has_type_probes);
    assert_eq!(now[..2], before[..2]);
    assert_ne!(now[2], before[2]);
}

#[test]
fn code_compiled_by_a_build_script_changes_the_fingerprint_of_a_raw_pointer() {
    let text = format!(
        "{EDITED} #[unsafe(export_name = \"kt:init:pointer\")] static POINTER: Share<*mut u8> = Share(std::ptr::null_mut());\n"
    );
    let mut fixture = Fixture::new(&text, DEP, &["plain", "opaque", "pointer"]);
    let root = Utf8Path::from_path(fixture.directory.path())
        .expect("its path is text")
        .to_owned();
    let library = root.join("libstore.a");
    std::fs::write(&library, "one").expect("the file can be written");
    fixture
        .compiled
        .native
        .libraries
        .push("static=store".to_owned());
    fixture
        .compiled
        .native
        .search_paths
        .push(format!("native={root}"));
    let (before, _) = fingerprints(&fixture);
    std::fs::write(&library, "two").expect("the file can be written");
    let (now, _) = fingerprints(&fixture);
    assert_eq!(now[..2], before[..2]);
    assert_ne!(now[2], before[2]);
}
