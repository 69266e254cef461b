use std::collections::HashMap;
use std::fmt::Write as _;

use super::cases::{CASES, Case};
use super::fixture::Fixture;
use crate::layout::Layout;

const DEP: &str = "
pub struct Pair<A, B> { pub a: A, pub b: B }
pub struct Erased<T> { pub pointer: *mut u8, pub of: std::marker::PhantomData<T> }
pub struct Shared { pub width: u64 }
";

/// What an unrelated edit may add around a type: shifted `impl` and closure numbers, other hashes, more of everything.
const NOISE: &str = "
pub struct Unrelated { pub x: [u8; 77] }
impl Unrelated { pub fn one() -> impl Fn(u8) -> u8 { |x| x + 1 } }
impl Clone for Unrelated { fn clone(&self) -> Self { Unrelated { x: self.x } } }
pub const UNRELATED: u8 = 3;
pub static PLAIN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
pub fn uses_much() -> usize { let all: HashMap<u8, Vec<Unrelated>> = HashMap::new(); all.len() }
";

/// One crate with a module, and in it a state, for every case.
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

fn fixture(items: impl Fn(&Case) -> &'static str, around: &str, dep: &str) -> Fixture {
    let (text, keys) = source(items, around);
    Fixture::new(
        &text,
        dep,
        &keys.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

fn layouts(fixture: &Fixture) -> HashMap<String, Layout> {
    let known = |state: crate::layout::StateLayout| match state.layout {
        Ok(layout) => (state.key, layout),
        Err(unknown) => panic!("failed to {unknown:?} ({})", state.key),
    };
    fixture.layouts().0.into_iter().map(known).collect()
}

#[test]
fn an_edit_changes_the_fingerprints_of_the_states_it_matters_to_and_no_others() {
    let before = layouts(&fixture(|case| case.before, "", DEP));
    let noisy = layouts(&fixture(|case| case.before, NOISE, DEP));
    let mut after = fixture(
        |case| case.after,
        "",
        &DEP.replace("width: u64", "width: u32"),
    );
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
        let said = old.description.difference(&new.description);
        let expected = case.difference.replace("{}", name);
        if !said.as_ref().is_none_or(|said| said.contains(&expected))
            || said.is_none() && !expected.is_empty()
        {
            wrong.push(format!("{name}: said {said:?} in place of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(before.len(), CASES.len() + 1);
}

#[test]
fn what_has_no_visible_type_is_called_opaque() {
    let layouts = layouts(&fixture(|case| case.before, "", DEP));
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
