//! Every form of a difference's wording, over descriptions made by hand.

use crate::layout::{Description, Form, Part, Role, Type};

/// Types by name with what is in them, the state's own first: `field: type`, `variant = value`. A name that is not
/// among them is a base type.
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
fn says(old: &[&str], new: &[&str], expected: &str) {
    let of = |parts| graph(&[("app::cache::Entry", parts)]);
    assert_eq!(of(old).difference(&of(new)).as_deref(), Some(expected));
}

#[test]
fn fields_are_added_removed_renamed_changed_and_reordered() {
    let old = ["id: u8", "n: u64", "z: u8"];
    says(
        &old,
        &["id: u8", "extra: u64", "n: u64", "z: u8"],
        "field `extra` of `Entry` added",
    );
    says(
        &old,
        &["id: u8", "n: u64", "z: u8", "extra: u8"],
        "field `extra` of `Entry` added",
    );
    says(&old, &["n: u64", "z: u8"], "field `id` of `Entry` removed");
    says(&old, &["id: u8", "z: u8"], "field `n` of `Entry` removed");
    says(
        &old,
        &["id: u8", "count: u64", "z: u8"],
        "field `n` of `Entry` renamed to `count`",
    );
    says(
        &old,
        &["id: u8", "n: u32", "z: u8"],
        "field `n` of `Entry`: `u64` → `u32`",
    );
    says(
        &old,
        &["z: u8", "id: u8", "n: u64"],
        "fields of `Entry` reordered",
    );
}

#[test]
fn another_type_or_place_is_no_renaming() {
    let old = ["id: u8", "n: u64"];
    says(
        &old,
        &["id: u8", "count: u32"],
        "field `n` of `Entry` removed, and 1 more",
    );
    says(
        &old,
        &["count: u64", "id: u8"],
        "field `count` of `Entry` added, and 1 more",
    );
    says(
        &old,
        &["a: u8", "count: u64", "z: u8"],
        "field `id` of `Entry` removed, and 4 more",
    );
}

#[test]
fn of_several_changes_the_first_is_told() {
    let old = ["a: u8", "b: u64", "c: u8"];
    says(
        &old,
        &["a: u8", "b: u32", "c: u16"],
        "field `b` of `Entry`: `u64` → `u32`, and 1 more",
    );
    says(
        &old,
        &["new: u8", "a: u8", "b: u64"],
        "field `new` of `Entry` added, and 1 more",
    );
    says(
        &old,
        &["b: u64", "a: u8", "c: u16"],
        "field `c` of `Entry`: `u8` → `u16`, and 1 more",
    );
}

#[test]
fn places_of_tuples_are_no_names() {
    says(
        &["__0: u8", "__1: i8"],
        &["__0: i8", "__1: u8"],
        "fields of `Entry` reordered",
    );
    says(
        &["__0: u8"],
        &["__0: u16"],
        "field `0` of `Entry`: `u8` → `u16`",
    );
    says(
        &["__0: u8"],
        &["__0: u16", "__1: u8"],
        "field `0` of `Entry`: `u8` → `u16`, and 1 more",
    );
}

#[test]
fn variants_are_told_as_fields_are() {
    let old = ["A = 0", "B = 1"];
    says(
        &old,
        &["A = 0", "New = 1", "B = 2"],
        "variant `New` of `Entry` added",
    );
    says(&old, &["B = 0"], "variant `A` of `Entry` removed");
    says(
        &old,
        &["A = 0", "C = 1"],
        "variant `B` of `Entry` renamed to `C`",
    );
    says(&old, &["B = 0", "A = 1"], "variants of `Entry` reordered");
    says(&old, &["A = 0", "B = 2"], "variant `B` of `Entry`: 1 → 2");
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
    says(
        &[&old],
        &[&new],
        "field `all` of `Entry`: `HashMap<String, u8>` → `HashMap<String, Vec<Item>>`",
    );
    // Where that would be the same, the paths are told.
    says(
        &["a: app::one::Item"],
        &["a: app::two::Item"],
        "field `a` of `Entry`: `app::one::Item` → `app::two::Item`",
    );
    // And of what fills a line, the part that differs.
    let long = |value: &str| {
        let name = "LongName".repeat(9);
        format!("a: app::Outer<app::{name}, app::Inner<{value}>>")
    };
    says(
        &[&long("u8")],
        &[&long("u16")],
        "field `a` of `Entry`: `Inner<u8>` → `Inner<u16>`",
    );
}

#[test]
fn what_kt_puts_around_a_value_is_not_told() {
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
fn the_difference_nearest_to_the_state_is_told() {
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
