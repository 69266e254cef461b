//! Fields of structs, and how they are laid out.

use super::{migrated, refused, survives};
use crate::case::Shape;

const AB: &str = "@pub struct T { a: u64, b: String }";
const AB_VALUE: &str = "T { a: p64(s, 1), b: text(s, 2) }";
const ABC: &str = "@pub struct T { a: u64, b: u64, c: u64 }";
const ABC_VALUE: &str = "T { a: p64(s, 1), b: p64(s, 2), c: p64(s, 3) }";
const A: &str = "v.a == p64(s, 1)";
const B: &str = "v.b == text(s, 2)";
const A_B_C: &[&str] = &[A, "v.b == p64(s, 2)", "v.c == p64(s, 3)"];

pub fn shapes() -> Vec<Shape> {
    vec![
        migrated("field_added_with_default", AB, AB_VALUE,
            "@pub struct T { a: u64, #[serde(default)] c: u32, b: String }", &[A, B, "v.c == 0"]),
        migrated("field_added_with_a_default_of_its_own", AB, AB_VALUE,
            "fn five() -> u64 { 5 } @pub struct T { #[serde(default = \"five\")] c: u64, a: u64, b: String }", &[A, B, "v.c == 5"]),
        migrated("field_added_as_an_option", AB, AB_VALUE,
            "@pub struct T { c: Option<u64>, a: u64, b: String }", &[A, B, "v.c.is_none()"]),
        migrated("struct_with_default_gains_fields", AB, AB_VALUE,
            "@ #[derive(Default)] #[serde(default)] pub struct T { c: u64, d: Vec<u8>, a: u64, b: String }", &[A, B, "v.c == 0", "v.d.is_empty()"]),
        refused("field_added_without_default", AB, AB_VALUE, "@pub struct T { a: u64, b: String, c: u32 }"),
        migrated("field_skipped_is_added", AB, AB_VALUE,
            "@pub struct T { a: u64, #[serde(skip)] c: u64, b: String }", &[A, B, "v.c == 0"]),
        migrated("field_removed", AB, AB_VALUE, "@pub struct T { b: String }", &[B]),
        migrated("field_removed_in_front", ABC, ABC_VALUE, "@pub struct T { b: u64, c: u64 }", &["v.b == p64(s, 2)", "v.c == p64(s, 3)"]),
        migrated("field_removed_in_the_middle", ABC, ABC_VALUE, "@pub struct T { a: u64, c: u64 }", &[A, "v.c == p64(s, 3)"]),
        refused("field_removed_and_unknown_ones_denied", AB, AB_VALUE, "@ #[serde(deny_unknown_fields)] pub struct T { a: u64 }"),
        migrated("field_renamed_with_alias", ABC, ABC_VALUE,
            "@pub struct T { b: u64, #[serde(alias = \"a\")] first: u64, c: u64 }", &["v.first == p64(s, 1)", "v.b == p64(s, 2)", "v.c == p64(s, 3)"]),
        migrated("field_renamed_but_for_serde", ABC, ABC_VALUE,
            "@pub struct T { a: u64, #[serde(rename = \"b\")] second: u64, c: u64 }", &[A, "v.second == p64(s, 2)", "v.c == p64(s, 3)"]),
        refused("field_renamed", ABC, ABC_VALUE, "@pub struct T { a: u64, second: u64, c: u64 }"),
        refused("all_fields_renamed", "@pub struct T { first_one: u64, second_one: u64 }", "T { first_one: p64(s, 1), second_one: p64(s, 2) }",
            "@ #[serde(rename_all = \"camelCase\")] pub struct T { first_one: u64, second_one: u64, third_one: Option<u64> }"),
        migrated("fields_of_one_type_reordered", ABC, ABC_VALUE, "@pub struct T { c: u64, a: u64, b: u64 }", A_B_C),
        migrated("fields_of_one_type_exchanged", AB.replace("String", "u64").as_str(), "T { a: p64(s, 1), b: p64(s, 2) }",
            "@pub struct T { b: u64, a: u64 }", &[A, "v.b == p64(s, 2)"]),
        survives("fields_of_other_types_reordered", "@pub struct T { a: u8, b: u64, c: String, d: u32 }",
            "T { a: p8(s, 1), b: p64(s, 2), c: text(s, 3), d: p32(s, 4) }",
            "@pub struct T { d: u32, c: String, b: u64, a: u8 }", &["v.a == p8(s, 1)", "v.b == p64(s, 2)", "v.c == text(s, 3)", "v.d == p32(s, 4)"]),
        migrated("names_stay_and_types_change_places", "@pub struct T { a: u32, b: u64 }", "T { a: p32(s, 1), b: u64::from(p32(s, 2)) }",
            "@pub struct T { a: u64, b: u32 }", &["v.a == u64::from(p32(s, 1))", "v.b == p32(s, 2)"]),
        migrated("strings_reordered", "@pub struct T { a: String, b: String, c: String }", "T { a: text(s, 1), b: text(s, 2), c: text(s, 3) }",
            "@pub struct T { b: String, c: String, a: String }", &["v.a == text(s, 1)", "v.b == text(s, 2)", "v.c == text(s, 3)"]),
        migrated("repr_c_added", "@pub struct T { a: u8, b: u64, c: u16 }", "T { a: p8(s, 1), b: p64(s, 2), c: p16(s, 3) }",
            "@ #[repr(C)] pub struct T { a: u8, b: u64, c: u16 }", &["v.a == p8(s, 1)", "v.b == p64(s, 2)", "v.c == p16(s, 3)"]),
        migrated("repr_c_removed", "@ #[repr(C)] pub struct T { a: u8, b: u64, c: u16 }", "T { a: p8(s, 1), b: p64(s, 2), c: p16(s, 3) }",
            "@pub struct T { a: u8, b: u64, c: u16 }", &["v.a == p8(s, 1)", "v.b == p64(s, 2)", "v.c == p16(s, 3)"]),
        migrated("repr_c_reordered", "@ #[repr(C)] pub struct T { a: u64, b: u64, c: u64 }", ABC_VALUE,
            "@ #[repr(C)] pub struct T { b: u64, a: u64, c: u64 }", A_B_C),
        migrated("repr_packed_added", "@ #[derive(Copy)] pub struct T { a: u8, b: u64, c: u16 }", "T { a: p8(s, 1), b: p64(s, 2), c: p16(s, 3) }",
            "@ #[derive(Copy)] #[repr(packed)] pub struct T { a: u8, b: u64, c: u16 }", &["{ v.a } == p8(s, 1)", "{ v.b } == p64(s, 2)", "{ v.c } == p16(s, 3)"]),
        migrated("repr_packed_removed", "@ #[derive(Copy)] #[repr(packed)] pub struct T { a: u8, b: u64 }", "T { a: p8(s, 1), b: p64(s, 2) }",
            "@ #[derive(Copy)] pub struct T { a: u8, b: u64 }", &["v.a == p8(s, 1)", "v.b == p64(s, 2)"]),
        migrated("repr_align_added", ABC, ABC_VALUE, "@ #[repr(align(64))] pub struct T { a: u64, b: u64, c: u64 }", A_B_C),
        migrated("flatten_introduced", ABC, ABC_VALUE,
            "@pub struct Rest { b: u64, c: u64 } @pub struct T { a: u64, #[serde(flatten)] rest: Rest }",
            &[A, "v.rest.b == p64(s, 2)", "v.rest.c == p64(s, 3)"]),
        migrated("flatten_undone", "@pub struct Rest { b: u64, c: u64 } @pub struct T { a: u64, #[serde(flatten)] rest: Rest }",
            "T { a: p64(s, 1), rest: Rest { b: p64(s, 2), c: p64(s, 3) } }", ABC, A_B_C),
        migrated("flatten_catches_what_was_removed", ABC, ABC_VALUE,
            "@pub struct T { a: u64, #[serde(flatten)] rest: BTreeMap<String, u64> }",
            &[A, "v.rest.len() == 2", "v.rest[\"b\"] == p64(s, 2)", "v.rest[\"c\"] == p64(s, 3)"]),
        migrated("deserialize_with_reads_the_old_type", "@pub struct T { a: String, b: u64 }", "T { a: p64(s, 1).to_string(), b: p64(s, 2) }",
            "fn parsed<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> { String::deserialize(from)?.parse().map_err(serde::de::Error::custom) }
             @pub struct T { #[serde(deserialize_with = \"parsed\")] a: u64, b: u64 }", &[A, "v.b == p64(s, 2)"]),
        migrated("try_from_the_old_type", AB, AB_VALUE,
            "@pub struct Old { a: u64, b: String } @ #[serde(try_from = \"Old\")] pub struct T { sum: u64, text: String }
             impl TryFrom<Old> for T { type Error = String; fn try_from(old: Old) -> Result<T, String> { Ok(T { sum: old.a.wrapping_add(1), text: old.b }) } }",
            &["v.sum == p64(s, 1) + 1", "v.text == text(s, 2)"]),
        refused("try_from_the_old_type_fails", AB, AB_VALUE,
            "@pub struct Old { a: u64, b: String } @ #[serde(try_from = \"Old\")] pub struct T { sum: u64 }
             impl TryFrom<Old> for T { type Error = String; fn try_from(old: Old) -> Result<T, String> { Err(format!(\"{} is too much\", old.a)) } }"),
        migrated("nested_struct_gains_a_field", "@pub struct In { a: u64 } @pub struct T { x: [In; 2], b: String }",
            "T { x: [In { a: p64(s, 1) }, In { a: p64(s, 3) }], b: text(s, 2) }",
            "@pub struct In { #[serde(default)] new: u64, a: u64 } @pub struct T { x: [In; 2], b: String }",
            &["v.x[0].a == p64(s, 1)", "v.x[1].a == p64(s, 3)", "v.x[1].new == 0", B]),
    ]
}
