//! Edits that do not change a type's layout, with serde and without: the value stays in place.

use super::kept;
use crate::case::Shape;

/// Name, items before, items after; `T` has the fields `a: u64, b: String` under any type name.
const ROWS: &[(&str, &str, &str)] = &[
    (
        "nothing_but_functions",
        "~pub struct T { a: u64, b: String }",
        "~pub struct T { a: u64, b: String } pub fn more() -> u8 { 5 }",
    ),
    (
        "method_added",
        "~pub struct T { a: u64, b: String }",
        "~pub struct T { a: u64, b: String } impl T { pub fn sum(&self) -> u64 { self.a + self.b.len() as u64 } }",
    ),
    (
        "method_removed",
        "~pub struct T { a: u64, b: String } impl T { pub fn sum(&self) -> u64 { self.a } }",
        "~pub struct T { a: u64, b: String }",
    ),
    (
        "trait_implemented",
        "~pub struct T { a: u64, b: String }",
        "~pub struct T { a: u64, b: String } impl std::fmt::Display for T { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.b) } }",
    ),
    (
        "documented",
        "~pub struct T { a: u64, b: String }",
        "/// Much is said. \n ~pub struct T { /// Of it. \n a: u64, /// And of it. \n b: String }",
    ),
    (
        "made_more_visible",
        "~pub struct T { a: u64, b: String }",
        "~pub struct T { pub a: u64, pub(crate) b: String }",
    ),
    (
        "more_derived",
        "~pub struct T { a: u64, b: String }",
        "~ #[derive(Default, PartialOrd)] pub struct T { a: u64, b: String }",
    ),
    (
        "alias_for_a_field",
        "~pub struct T { a: u64, b: String }",
        "pub type Id = u64; ~pub struct T { a: Id, b: std::string::String }",
    ),
    (
        "default_parameter_written_out",
        "~pub struct V<X = u64>(X); ~pub struct T { a: u64, b: String, v: Option<V> }",
        "~pub struct V<X = u64>(X); ~pub struct T { a: u64, b: String, v: Option<V<u64>> }",
    ),
    (
        "another_type_beside_it",
        "~pub struct T { a: u64, b: String }",
        "~pub struct Beside { t: T, more: u64 } ~pub struct T { a: u64, b: String }",
    ),
    (
        "another_type_beside_it_changed",
        "~pub struct Beside(u8); ~pub struct T { a: u64, b: String }",
        "~pub struct Beside(u64, u64); ~pub struct T { a: u64, b: String }",
    ),
    (
        "constant_beside_it_changed",
        "pub const N: usize = 3; ~pub struct T { a: u64, b: String }",
        "pub const N: usize = 4; ~pub struct T { a: u64, b: String }",
    ),
    (
        "constant_of_an_array_said_otherwise",
        "pub const N: usize = 3; ~pub struct T { a: u64, b: String, n: [u8; N] }",
        "pub const N: usize = 1 + 2; ~pub struct T { a: u64, b: String, n: [u8; N] }",
    ),
    (
        "serde_gained",
        "~pub struct T { a: u64, b: String }",
        "@pub struct T { a: u64, b: String }",
    ),
    (
        "serde_lost",
        "@pub struct T { a: u64, b: String }",
        "~pub struct T { a: u64, b: String }",
    ),
    (
        "renamed_for_serde_only",
        "@pub struct T { a: u64, b: String }",
        "@pub struct T { #[serde(rename = \"z\")] a: u64, b: String }",
    ),
];

pub fn shapes() -> Vec<Shape> {
    let value = |before: &str| match (before.contains("v: Option"), before.contains("n: [u8; N]")) {
        (true, _) => "T { a: p64(s, 1), b: text(s, 2), v: Some(V(p64(s, 3))) }",
        (_, true) => "T { a: p64(s, 1), b: text(s, 2), n: [p8(s, 3); 3] }",
        _ => "T { a: p64(s, 1), b: text(s, 2) }",
    };
    let shape =
        |&(name, before, after): &(&str, &str, &str)| kept(name, before, value(before), after);
    ROWS.iter().map(shape).collect()
}
