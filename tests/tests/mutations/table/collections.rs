//! Collections, arrays and tuples.

use super::{migrated, refused};
use crate::case::Shape;

/// Name, `T` and value before, `T` after, what is true of `v`; empty if refused.
const ROWS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "vec_to_btreeset",
        "Vec<u64>",
        "list(s, 1)",
        "BTreeSet<u64>",
        "*v == list(s, 1).into_iter().collect()",
    ),
    (
        "vec_to_hashset",
        "Vec<String>",
        "strings(s, 1)",
        "HashSet<String>",
        "*v == strings(s, 1).into_iter().collect()",
    ),
    (
        "vec_to_deque",
        "Vec<u64>",
        "list(s, 1)",
        "VecDeque<u64>",
        "*v == list(s, 1)",
    ),
    (
        "vec_to_linked_list",
        "Vec<String>",
        "strings(s, 1)",
        "LinkedList<String>",
        "*v == strings(s, 1).into_iter().collect()",
    ),
    (
        "deque_to_vec",
        "VecDeque<u64>",
        "{ let mut d: VecDeque<u64> = list(s, 1).into(); d.rotate_left(2); d }",
        "Vec<u64>",
        "*v == { let mut d = list(s, 1); d.rotate_left(2); d }",
    ),
    (
        "hashset_to_btreeset",
        "HashSet<u64>",
        "list(s, 1).into_iter().collect()",
        "BTreeSet<u64>",
        "*v == list(s, 1).into_iter().collect()",
    ),
    (
        "vec_to_boxed_slice",
        "Vec<u64>",
        "list(s, 1)",
        "Box<[u64]>",
        "**v == *list(s, 1)",
    ),
    (
        "vec_to_arc_slice",
        "Vec<u64>",
        "list(s, 1)",
        "Arc<[u64]>",
        "**v == *list(s, 1)",
    ),
    (
        "vec_elements_widened",
        "Vec<u32>",
        "(0..5).map(|at| p32(s, at)).collect()",
        "Vec<u64>",
        "*v == (0..5).map(|at| p32(s, at).into()).collect::<Vec<u64>>()",
    ),
    (
        "vec_elements_not_fitting",
        "Vec<u64>",
        "list(s, 1)",
        "Vec<u32>",
        "",
    ),
    (
        "hashmap_to_btreemap",
        "HashMap<String, u64>",
        "[(text(s, 1), p64(s, 1)), (text(s, 2), p64(s, 2))].into()",
        "BTreeMap<String, u64>",
        "*v == [(text(s, 1), p64(s, 1)), (text(s, 2), p64(s, 2))].into()",
    ),
    (
        "btreemap_to_hashmap",
        "BTreeMap<u32, u64>",
        "[(p32(s, 1), p64(s, 1)), (p32(s, 2), p64(s, 2))].into()",
        "HashMap<u64, u64>",
        "*v == [(p32(s, 1).into(), p64(s, 1)), (p32(s, 2).into(), p64(s, 2))].into()",
    ),
    (
        "map_of_tuples",
        "BTreeMap<(u64, bool), u8>",
        "[((p64(s, 1), true), p8(s, 1)), ((p64(s, 1), false), p8(s, 2))].into()",
        "HashMap<(u64, bool), u64>",
        "*v == [((p64(s, 1), true), p8(s, 1).into()), ((p64(s, 1), false), p8(s, 2).into())].into()",
    ),
    (
        "map_keys_of_another_kind",
        "BTreeMap<String, u64>",
        "[(text(s, 1), p64(s, 1))].into()",
        "BTreeMap<u64, u64>",
        "",
    ),
    (
        "map_to_pairs",
        "BTreeMap<String, u64>",
        "[(text(s, 1), p64(s, 1))].into()",
        "Vec<(String, u64)>",
        "",
    ),
    (
        "pairs_to_map",
        "Vec<(String, u64)>",
        "vec![(text(s, 1), p64(s, 1))]",
        "BTreeMap<String, u64>",
        "",
    ),
    (
        "map_to_set",
        "BTreeMap<String, u64>",
        "[(text(s, 1), p64(s, 1))].into()",
        "BTreeSet<String>",
        "",
    ),
    (
        "array_to_vec",
        "[u64; 4]",
        "[p64(s, 1), p64(s, 2), p64(s, 3), p64(s, 4)]",
        "Vec<u64>",
        "*v == [p64(s, 1), p64(s, 2), p64(s, 3), p64(s, 4)]",
    ),
    (
        "array_grows",
        "[u64; 3]",
        "[p64(s, 1), p64(s, 2), p64(s, 3)]",
        "[u64; 4]",
        "",
    ),
    (
        "array_shrinks",
        "[u64; 4]",
        "[p64(s, 1), p64(s, 2), p64(s, 3), p64(s, 4)]",
        "[u64; 3]",
        "",
    ),
    (
        "vec_to_array_of_its_length",
        "Vec<u64>",
        "list(s, 1)",
        "[u64; 5]",
        "*v.as_slice() == *list(s, 1)",
    ),
    (
        "vec_to_array_of_another_length",
        "Vec<u64>",
        "list(s, 1)",
        "[u64; 4]",
        "",
    ),
    (
        "tuple_grows",
        "(u64, u64)",
        "(p64(s, 1), p64(s, 2))",
        "(u64, u64, u64)",
        "",
    ),
    (
        "tuple_grows_by_an_option",
        "(u64, u64)",
        "(p64(s, 1), p64(s, 2))",
        "(u64, u64, Option<u64>)",
        "",
    ),
    (
        "tuple_shrinks",
        "(u64, u64, u64)",
        "(p64(s, 1), p64(s, 2), p64(s, 3))",
        "(u64, u64)",
        "",
    ),
    (
        "tuple_element_widened",
        "(u64, u32, String)",
        "(p64(s, 1), p32(s, 2), text(s, 3))",
        "(u64, u64, String)",
        "*v == (p64(s, 1), p32(s, 2).into(), text(s, 3))",
    ),
    (
        "tuple_elements_of_two_kinds_exchanged",
        "(u64, String)",
        "(p64(s, 1), text(s, 2))",
        "(String, u64)",
        "",
    ),
    (
        "tuple_to_array",
        "(u64, u64, u64)",
        "(p64(s, 1), p64(s, 2), p64(s, 3))",
        "[u64; 3]",
        "*v == [p64(s, 1), p64(s, 2), p64(s, 3)]",
    ),
    ("value_to_vec", "u64", "p64(s, 1)", "Vec<u64>", ""),
    ("vec_to_value", "Vec<u64>", "vec![p64(s, 1)]", "u64", ""),
    ("value_to_tuple", "u64", "p64(s, 1)", "(u64,)", ""),
    (
        "range_widened",
        "std::ops::Range<u32>",
        "p32(s, 1)..p32(s, 2)",
        "std::ops::Range<u64>",
        "*v == (p32(s, 1).into()..p32(s, 2).into())",
    ),
    (
        "duration_with_something",
        "(Duration, u32)",
        "(Duration::from_nanos(p64(s, 1)), p32(s, 2))",
        "(Duration, u64)",
        "*v == (Duration::from_nanos(p64(s, 1)), p32(s, 2).into())",
    ),
    (
        "nested_maps",
        "BTreeMap<u64, Vec<HashMap<String, u32>>>",
        "[(p64(s, 1), vec![[(text(s, 2), p32(s, 3))].into(), HashMap::new()])].into()",
        "HashMap<u64, VecDeque<BTreeMap<String, u64>>>",
        "*v == [(p64(s, 1), [[(text(s, 2), p32(s, 3).into())].into(), BTreeMap::new()].into())].into()",
    ),
];

pub fn shapes() -> Vec<Shape> {
    let shape = |&(name, before, value, after, check): &(&str, &str, &str, &str, &str)| {
        let of = |of: &str| format!("pub type T = {of};");
        match check {
            "" => refused(name, &of(before), value, &of(after)),
            check => migrated(name, &of(before), value, &of(after), &[check]),
        }
    };
    let mut shapes: Vec<Shape> = ROWS.iter().map(shape).collect();
    shapes.extend([
        refused(
            "tuple_to_struct",
            "pub type T = (u64, u64);",
            "(p64(s, 1), p64(s, 2))",
            "@pub struct T { b: u64, a: u64 }",
        ),
        refused(
            "array_to_struct",
            "pub type T = [u64; 2];",
            "[p64(s, 1), p64(s, 2)]",
            "@pub struct T { a: u64, b: u64 }",
        ),
        refused(
            "tuple_struct_to_struct",
            "@pub struct T(u64, u64);",
            "T(p64(s, 1), p64(s, 2))",
            "@pub struct T { b: u64, a: u64 }",
        ),
        refused(
            "struct_to_tuple",
            "@pub struct T { a: u64, b: u64 }",
            "T { a: p64(s, 1), b: p64(s, 2) }",
            "pub type T = (u64, u64);",
        ),
        refused(
            "struct_to_vec",
            "@pub struct T { a: u64, b: u64 }",
            "T { a: p64(s, 1), b: p64(s, 2) }",
            "pub type T = Vec<u64>;",
        ),
        migrated(
            "struct_to_map",
            "@pub struct T { a: u64, b: u64 }",
            "T { a: p64(s, 1), b: p64(s, 2) }",
            "pub type T = BTreeMap<String, u64>;",
            &["*v == [(\"a\".into(), p64(s, 1)), (\"b\".into(), p64(s, 2))].into()"],
        ),
        migrated(
            "map_to_struct",
            "pub type T = HashMap<String, u64>;",
            "[(\"b\".into(), p64(s, 2)), (\"a\".into(), p64(s, 1))].into()",
            "@pub struct T { a: u64, b: u64 }",
            &["v.a == p64(s, 1)", "v.b == p64(s, 2)"],
        ),
        refused(
            "map_of_numbers_to_struct",
            "pub type T = BTreeMap<u64, u64>;",
            "[(0, p64(s, 1)), (1, p64(s, 2))].into()",
            "@pub struct T { b: u64, a: u64 }",
        ),
        refused(
            "map_of_numbers_to_struct_of_options",
            "pub type T = BTreeMap<u8, u64>;",
            "[(0, p64(s, 1)), (1, p64(s, 2))].into()",
            "@pub struct T { b: Option<u64>, a: Option<u64> }",
        ),
    ]);
    shapes
}
