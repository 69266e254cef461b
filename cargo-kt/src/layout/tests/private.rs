//! States that reach opaque memory only through private parts of other crates' types.

use std::collections::BTreeMap;

use super::fixture::Fixture;

const DEP: &str = "
pub trait Acts: Send + Sync { fn act(&self); }
pub trait Keys { type Value; }
pub struct Model { inner: Option<Box<dyn Acts>>, raw: *mut u8 }
pub struct Types { all: std::collections::HashMap<std::any::TypeId, Box<dyn Acts>> }
pub struct Payload { last: Option<Box<dyn std::any::Any>> }
pub struct Store<K> { inner: Option<Box<dyn Acts>>, of: std::marker::PhantomData<K> }
pub struct Calls<A> { f: Option<Box<dyn Fn(A)>> }
pub struct Hook { f: Option<fn(u8)> }
";

/// States by name, with their types, and whether they survive a changed field of a type that they
/// do not name.
const STATES: &[(&str, &str, bool)] = &[
    ("private", "dep::Model", true),
    ("inside", "Holds", true),
    ("of_plain", "dep::Store<Vec<u64>>", true),
    ("hook", "dep::Hook", true),
    ("nothing", "Vec<u64>", true),
    ("exposed", "Vec<Box<dyn dep::Acts>>", false),
    ("by_type_id", "dep::Types", false),
    ("any", "dep::Payload", false),
    ("beside", "dep::Store<Vec<Key>>", false),
    ("signature", "dep::Calls<Vec<&'static Key>>", false),
    ("own_trait", "Vec<Box<dyn Speaks>>", false),
    ("function", "Vec<fn(u8)>", false),
    ("pointer", "Vec<*mut u8>", false),
];

fn fixture() -> Fixture {
    let mut text = "
pub struct Share<T>(T); unsafe impl<T> Sync for Share<T> {} unsafe impl<T> Send for Share<T> {}
pub struct Holds { model: dep::Model, n: u8 }
pub struct Key; pub struct Other { a: u8 }
pub trait Speaks { fn speak(&self); }
pub fn body() -> u8 { 1 }
"
    .to_owned();
    for (name, ty, _) in STATES {
        text += &format!(
            "#[unsafe(export_name = \"kt:init:{name}\")] static {}: Share<Option<{ty}>> = Share(None);\n",
            name.to_uppercase()
        );
    }
    let names: Vec<&str> = STATES.iter().map(|(name, ..)| *name).collect();
    Fixture::new(&text, DEP, &names).with_dep_in_the_base()
}

fn fingerprints(fixture: &Fixture) -> BTreeMap<String, String> {
    let text = |state: crate::layout::StateLayout| {
        let layout = state.layout.expect("the layout is known");
        (state.key, layout.fingerprint.to_string())
    };
    fixture.layouts().0.into_iter().map(text).collect()
}

fn edit(fixture: &Fixture, from: &str, to: &str) {
    fixture.edit(0, |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
}

fn kept(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let same = before.iter().filter(|(name, it)| after[*name] == **it);
    same.map(|(name, _)| name.clone()).collect()
}

#[test]
fn memory_private_to_another_crate_survives_a_changed_field() {
    let fixture = fixture();
    let before = fingerprints(&fixture);
    edit(&fixture, "Other { a: u8 }", "Other { a: String }");
    let mut expected: Vec<&str> = STATES
        .iter()
        .filter(|(.., survives)| *survives)
        .map(|(name, ..)| *name)
        .collect();
    expected.sort_unstable();
    assert_eq!(kept(&before, &fingerprints(&fixture)), expected);
}

#[test]
fn it_does_not_survive_where_hot_code_may_cast_or_its_types_have_no_identity() {
    let mut fixture = fixture();
    let safe = fingerprints(&fixture);
    edit(
        &fixture,
        "u8 { 1 }",
        "u8 { unsafe { std::mem::transmute(1i8) } }",
    );
    let before = fingerprints(&fixture);
    // The code of one generation may cast, and that of the other may not: the second keeps nothing
    // of the first.
    assert!(!kept(&safe, &before).contains(&"private".to_owned()));
    edit(&fixture, "Other { a: u8 }", "Other { a: String }");
    assert_eq!(kept(&before, &fingerprints(&fixture)), ["hook", "nothing"]);

    edit(&fixture, "unsafe { std::mem::transmute(1i8) }", "1");
    fixture.compiled.hot[0].types = None;
    let before = fingerprints(&fixture);
    edit(&fixture, "Other { a: String }", "Other { a: u16 }");
    assert_eq!(kept(&before, &fingerprints(&fixture)), ["hook", "nothing"]);
}

#[test]
fn values_found_by_type_id_are_reset_when_the_type_identity_changes() {
    let mut fixture = fixture();
    let before = fingerprints(&fixture);
    fixture.compiled.hot[0].types = Some("second".to_owned());
    let kept = kept(&before, &fingerprints(&fixture));
    assert!(!kept.contains(&"by_type_id".to_owned()), "{kept:?}");
    assert!(kept.contains(&"private".to_owned()), "{kept:?}");
}
