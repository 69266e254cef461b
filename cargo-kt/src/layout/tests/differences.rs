//! Every message for a difference, over descriptions written by hand.

use crate::layout::{Description, Form, Part, Role, Type};

/// Types by name with their parts, the state's own first: `field: type`, `variant = value`. A name
/// that is not among them is a base type.
fn graph(types: &[(&str, &[&str])]) -> Description {
    let mut graph = Description { types: Vec::new() };
    let mut names: Vec<String> = types.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, parts) in types {
        let mut described = empty(Form::Structure, name);
        for part in *parts {
            let (name, target, value) = match part.split_once(" = ") {
                Some((name, value)) => (name, None, Some(value.to_owned())),
                None => {
                    let (name, target) = part.split_once(": ").expect("a field has a type");
                    let known = names.iter().position(|it| it == target);
                    let target = known.unwrap_or_else(|| {
                        names.push(target.to_owned());
                        names.len() - 1
                    });
                    (name, Some(target), None)
                }
            };
            if value.is_some() {
                described.form = Form::Enumeration;
            }
            described.parts.push(Part {
                role: if value.is_some() {
                    Role::Enumerator
                } else {
                    Role::Field
                },
                name: name.to_owned(),
                offset: None,
                value,
                target,
            });
        }
        graph.types.push(described);
    }
    let known = graph.types.len();
    let base = names[known..].iter().map(|name| empty(Form::Base, name));
    graph.types.extend(base.collect::<Vec<_>>());
    graph
}

fn empty(form: Form, name: &str) -> Type {
    Type {
        form,
        name: name.to_owned(),
        home: None,
        size: None,
        align: None,
        encoding: None,
        parts: Vec::new(),
    }
}

#[track_caller]
fn reports(old: &[&str], new: &[&str], expected: &str) {
    let of = |parts| graph(&[("app::cache::Entry", parts)]);
    assert_eq!(of(old).difference(&of(new)).as_deref(), Some(expected));
}

#[test]
fn fields_are_added_removed_renamed_changed_and_reordered() {
    let old = ["id: u8", "n: u64", "z: u8"];
    reports(
        &old,
        &["id: u8", "extra: u64", "n: u64", "z: u8"],
        "field `extra` of `Entry` added",
    );
    reports(
        &old,
        &["id: u8", "n: u64", "z: u8", "extra: u8"],
        "field `extra` of `Entry` added",
    );
    reports(&old, &["n: u64", "z: u8"], "field `id` of `Entry` removed");
    reports(&old, &["id: u8", "z: u8"], "field `n` of `Entry` removed");
    reports(
        &old,
        &["id: u8", "count: u64", "z: u8"],
        "field `n` of `Entry` renamed to `count`",
    );
    reports(
        &old,
        &["id: u8", "n: u32", "z: u8"],
        "field `n` of `Entry`: `u64` → `u32`",
    );
    reports(
        &old,
        &["z: u8", "id: u8", "n: u64"],
        "fields of `Entry` reordered",
    );
}

#[test]
fn a_field_with_another_type_or_place_is_not_a_rename() {
    let old = ["id: u8", "n: u64"];
    reports(
        &old,
        &["id: u8", "count: u32"],
        "field `n` of `Entry` removed, and 1 more",
    );
    reports(
        &old,
        &["count: u64", "id: u8"],
        "field `count` of `Entry` added, and 1 more",
    );
    reports(
        &old,
        &["a: u8", "count: u64", "z: u8"],
        "field `id` of `Entry` removed, and 4 more",
    );
}

#[test]
fn the_first_of_several_changes_is_reported() {
    let old = ["a: u8", "b: u64", "c: u8"];
    reports(
        &old,
        &["a: u8", "b: u32", "c: u16"],
        "field `b` of `Entry`: `u64` → `u32`, and 1 more",
    );
    reports(
        &old,
        &["new: u8", "a: u8", "b: u64"],
        "field `new` of `Entry` added, and 1 more",
    );
    reports(
        &old,
        &["b: u64", "a: u8", "c: u16"],
        "field `c` of `Entry`: `u8` → `u16`, and 1 more",
    );
}

#[test]
fn tuple_positions_are_not_names() {
    reports(
        &["__0: u8", "__1: i8"],
        &["__0: i8", "__1: u8"],
        "fields of `Entry` reordered",
    );
    reports(
        &["__0: u8"],
        &["__0: u16"],
        "field `0` of `Entry`: `u8` → `u16`",
    );
    reports(
        &["__0: u8"],
        &["__0: u16", "__1: u8"],
        "field `0` of `Entry`: `u8` → `u16`, and 1 more",
    );
}

#[test]
fn variants_are_reported_as_fields_are() {
    let old = ["A = 0", "B = 1"];
    reports(
        &old,
        &["A = 0", "New = 1", "B = 2"],
        "variant `New` of `Entry` added",
    );
    reports(&old, &["B = 0"], "variant `A` of `Entry` removed");
    reports(
        &old,
        &["A = 0", "C = 1"],
        "variant `B` of `Entry` renamed to `C`",
    );
    reports(&old, &["B = 0", "A = 1"], "variants of `Entry` reordered");
    reports(&old, &["A = 0", "B = 2"], "variant `B` of `Entry`: 1 → 2");
}

#[test]
fn types_are_written_as_a_developer_writes_them() {
    let global = "alloc::alloc::Global";
    let map = |value: &str| {
        format!(
            "all: std::collections::hash::map::HashMap<alloc::string::String, {value}, std::hash::random::RandomState>"
        )
    };
    let (old, new) = (
        map("u8"),
        map(&format!("alloc::vec::Vec<app::Item, {global}>")),
    );
    reports(
        &[&old],
        &[&new],
        "field `all` of `Entry`: `HashMap<String, u8>` → `HashMap<String, Vec<Item>>`",
    );
    // If the short names are equal, the paths are printed.
    reports(
        &["a: app::one::Item"],
        &["a: app::two::Item"],
        "field `a` of `Entry`: `app::one::Item` → `app::two::Item`",
    );
    // Of a long name, only the part that differs is printed.
    let long = |value: &str| {
        let name = "LongName".repeat(9);
        format!("a: app::Outer<app::{name}, app::Inner<{value}>>")
    };
    reports(
        &[&long("u8")],
        &[&long("u16")],
        "field `a` of `Entry`: `Inner<u8>` → `Inner<u16>`",
    );
}

#[test]
fn the_wrapper_that_kt_puts_around_a_value_is_not_reported() {
    let state = |value: &str| {
        let name = format!("app::CACHE::__KtInit<{value}>");
        graph(&[(&name, &[&format!("value: {value}")])])
    };
    let (old, new) = (state("alloc::vec::Vec<u8>"), state("alloc::string::String"));
    assert_eq!(
        old.difference(&new).as_deref(),
        Some("`Vec<u8>` → `String`")
    );
}

#[test]
fn the_difference_nearest_to_the_state_is_reported() {
    let of = |deep: &str, count: &str| {
        graph(&[
            ("app::Outer", &["inner: app::Inner", "count: u8"]),
            ("app::Inner", &[deep, count]),
        ])
    };
    assert_eq!(
        of("x: u8", "y: u8")
            .difference(&of("x: u8", "y: u16"))
            .as_deref(),
        Some("field `y` of `Inner`: `u8` → `u16`")
    );
    assert_eq!(of("x: u8", "y: u8").difference(&of("x: u8", "y: u8")), None);
}
