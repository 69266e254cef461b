//! Variants of enums, and options.

use super::{migrated, refused, survives};
use crate::case::Shape;

const E: &str = "@pub enum T { A(u64), B { x: u32, y: String }, C }";
const E_VALUE: &str =
    "match s % 3 { 0 => T::A(p64(s, 1)), 1 => T::B { x: p32(s, 2), y: text(s, 3) }, _ => T::C }";
const E_SAME: &str = "*v == match s % 3 { 0 => T::A(p64(s, 1)), 1 => T::B { x: p32(s, 2), y: text(s, 3) }, _ => T::C }";
const UNITS: &str = "@pub enum T { A, B, C }";
const UNITS_VALUE: &str = "match s % 3 { 0 => T::A, 1 => T::B, _ => T::C }";
const UNITS_SAME: &str = "*v == match s % 3 { 0 => T::A, 1 => T::B, _ => T::C }";

pub fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        migrated(
            "variant_added_at_the_end",
            E,
            E_VALUE,
            "@pub enum T { A(u64), B { x: u32, y: String }, C, D(u8) }",
            &[E_SAME],
        ),
        migrated(
            "variant_added_in_front",
            E,
            E_VALUE,
            "@pub enum T { D(u8), A(u64), B { x: u32, y: String }, C }",
            &[E_SAME],
        ),
        migrated(
            "unit_variant_added_in_front",
            UNITS,
            UNITS_VALUE,
            "@pub enum T { Z, A, B, C }",
            &[UNITS_SAME],
        ),
        migrated(
            "variants_reordered",
            E,
            E_VALUE,
            "@pub enum T { C, B { x: u32, y: String }, A(u64) }",
            &[E_SAME],
        ),
        migrated(
            "unit_variants_reordered",
            UNITS,
            UNITS_VALUE,
            "@pub enum T { C, A, B }",
            &[UNITS_SAME],
        ),
        migrated(
            "variants_of_one_content_reordered",
            "@pub enum T { A(u64), B(u64), C(u64) }",
            "match s % 3 { 0 => T::A(p64(s, 1)), 1 => T::B(p64(s, 2)), _ => T::C(p64(s, 3)) }",
            "@pub enum T { B(u64), C(u64), A(u64) }",
            &[
                "*v == match s % 3 { 0 => T::A(p64(s, 1)), 1 => T::B(p64(s, 2)), _ => T::C(p64(s, 3)) }",
            ],
        ),
        migrated(
            "unused_variant_removed",
            "@pub enum T { A(u64), B(String), Z }",
            "T::A(p64(s, 1))",
            "@pub enum T { B(String), A(u64) }",
            &["*v == T::A(p64(s, 1))"],
        ),
        refused(
            "used_variant_removed",
            E,
            "T::C",
            "@pub enum T { A(u64), B { x: u32, y: String } }",
        ),
        refused(
            "first_variant_removed",
            UNITS,
            "T::A",
            "@pub enum T { B, C }",
        ),
        migrated(
            "variant_renamed_with_alias",
            E,
            E_VALUE,
            "@pub enum T { #[serde(alias = \"A\")] First(u64), B { x: u32, y: String }, C, D }",
            &[
                "*v == match s % 3 { 0 => T::First(p64(s, 1)), 1 => T::B { x: p32(s, 2), y: text(s, 3) }, _ => T::C }",
            ],
        ),
        refused(
            "variant_renamed",
            E,
            "T::A(p64(s, 1))",
            "@pub enum T { First(u64), B { x: u32, y: String }, C }",
        ),
        migrated(
            "unknown_variant_has_an_other",
            UNITS,
            UNITS_VALUE,
            "@pub enum T { A, #[serde(other)] Rest }",
            &["*v == if s % 3 == 0 { T::A } else { T::Rest }"],
        ),
        refused(
            "variant_unit_to_tuple",
            "@pub enum T { A, B }",
            "T::A",
            "@pub enum T { A(u64), B }",
        ),
        refused(
            "variant_unit_to_struct",
            "@pub enum T { A, B }",
            "T::A",
            "@pub enum T { A { x: Option<u64> }, B }",
        ),
        refused(
            "variant_tuple_to_unit",
            "@pub enum T { A(u64), B }",
            "T::A(p64(s, 1))",
            "@pub enum T { A, B }",
        ),
        refused(
            "variant_tuple_to_struct",
            "@pub enum T { A(u64, u64), B }",
            "T::A(p64(s, 1), p64(s, 2))",
            "@pub enum T { A { y: u64, x: u64 }, B }",
        ),
        refused(
            "variant_struct_to_tuple",
            "@pub enum T { A { x: u64, y: u64 }, B }",
            "T::A { x: p64(s, 1), y: p64(s, 2) }",
            "@pub enum T { A(u64, u64), B }",
        ),
        refused(
            "variant_tuple_grows",
            "@pub enum T { A(u64), B }",
            "T::A(p64(s, 1))",
            "@pub enum T { A(u64, u64), B }",
        ),
        refused(
            "variant_tuple_shrinks",
            "@pub enum T { A(u64, u64), B }",
            "T::A(p64(s, 1), p64(s, 2))",
            "@pub enum T { A(u64), B }",
        ),
        refused(
            "variant_tuple_of_three_shrinks",
            "@pub enum T { A(u64, u64, u64), B }",
            "T::A(p64(s, 1), p64(s, 2), p64(s, 3))",
            "@pub enum T { A(u64, u64), B }",
        ),
        migrated(
            "variant_field_added_with_default",
            E,
            E_VALUE,
            "@pub enum T { A(u64), B { #[serde(default)] z: u32, x: u32, y: String }, C }",
            &[
                "*v == match s % 3 { 0 => T::A(p64(s, 1)), 1 => T::B { x: p32(s, 2), y: text(s, 3), z: 0 }, _ => T::C }",
            ],
        ),
        migrated(
            "variant_fields_reordered",
            "@pub enum T { A { x: u64, y: u64 }, B }",
            "T::A { x: p64(s, 1), y: p64(s, 2) }",
            "@pub enum T { A { y: u64, x: u64 }, B }",
            &["*v == T::A { x: p64(s, 1), y: p64(s, 2) }"],
        ),
        refused(
            "variant_field_added_without_default",
            E,
            "T::B { x: p32(s, 2), y: text(s, 3) }",
            "@pub enum T { A(u64), B { x: u32, y: String, z: u32 }, C }",
        ),
        migrated(
            "variant_content_widened",
            "@pub enum T { A(u32), B }",
            "T::A(p32(s, 1))",
            "@pub enum T { A(u64), B }",
            &["*v == T::A(p32(s, 1).into())"],
        ),
        migrated(
            "discriminants_changed",
            "@pub enum T { A = 1, B = 2, C = 3 }",
            UNITS_VALUE,
            "@pub enum T { A = 3, B = 1, C = 2 }",
            &[UNITS_SAME],
        ),
        migrated(
            "repr_u32_added",
            UNITS,
            UNITS_VALUE,
            "@ #[repr(u32)] pub enum T { A, B, C }",
            &[UNITS_SAME],
        ),
        migrated(
            "niche_lost",
            "@pub enum T { A(Box<u64>), B }",
            "if s == 1 { T::B } else { T::A(Box::new(p64(s, 1))) }",
            "@pub enum T { A(u64), B }",
            &["*v == if s == 1 { T::B } else { T::A(p64(s, 1)) }"],
        ),
        migrated(
            "unit_variant_to_text",
            UNITS,
            UNITS_VALUE,
            "pub type T = String;",
            &["*v == [\"A\", \"B\", \"C\"][s as usize % 3]"],
        ),
        refused(
            "text_to_enum",
            "pub type T = String;",
            "\"A\".into()",
            UNITS,
        ),
        refused("number_to_enum", "pub type T = u64;", "1", UNITS),
        refused("enum_to_number", UNITS, "T::B", "pub type T = u64;"),
        refused("bool_to_enum", "pub type T = bool;", "true", UNITS),
        refused(
            "struct_to_enum",
            "@pub struct T { A: u64 }",
            "T { A: p64(s, 1) }",
            "@pub enum T { A(u64), B }",
        ),
        refused(
            "enum_to_struct",
            "@pub enum T { A { x: u64 }, B }",
            "T::A { x: p64(s, 1) }",
            "@pub struct T { x: u64 }",
        ),
        refused(
            "value_to_result",
            "pub type T = u64;",
            "p64(s, 1)",
            "pub type T = Result<u64, String>;",
        ),
        migrated(
            "result_widened",
            "pub type T = Result<u32, String>;",
            "if s == 1 { Err(text(s, 1)) } else { Ok(p32(s, 2)) }",
            "pub type T = Result<u64, String>;",
            &["*v == if s == 1 { Err(text(s, 1)) } else { Ok(p32(s, 2).into()) }"],
        ),
        migrated(
            "enum_in_struct_in_map",
            "@pub enum K { A(u64), B } @pub struct T { m: BTreeMap<String, K> }",
            "T { m: [(text(s, 1), K::A(p64(s, 2))), (text(s, 3), K::B)].into() }",
            "@pub enum K { New, B, A(u64) } @pub struct T { m: BTreeMap<String, K> }",
            &["v.m == [(text(s, 1), K::A(p64(s, 2))), (text(s, 3), K::B)].into()"],
        ),
    ];
    for (name, serde) in [
        ("internally_tagged", "#[serde(tag = \"kind\")]"),
        (
            "adjacently_tagged",
            "#[serde(tag = \"kind\", content = \"of\")]",
        ),
    ] {
        shapes.push(migrated(
            &format!("{name}_variants_reordered"),
            &format!("@ {serde} pub enum T {{ A {{ x: u64, y: String }}, B {{ x: u64 }}, C }}"),
            "match s % 3 { 0 => T::A { x: p64(s, 1), y: text(s, 2) }, 1 => T::B { x: p64(s, 3) }, _ => T::C }",
            &format!("@ {serde} pub enum T {{ C, New, B {{ x: u64 }}, A {{ y: String, x: u64 }} }}"),
            &["*v == match s % 3 { 0 => T::A { x: p64(s, 1), y: text(s, 2) }, 1 => T::B { x: p64(s, 3) }, _ => T::C }"],
        ));
    }
    shapes.extend([
        refused("tagging_introduced", "@pub enum T { A { x: u64 }, B { x: u64 } }", "T::B { x: p64(s, 1) }",
            "@ #[serde(tag = \"kind\")] pub enum T { A { x: u64 }, B { x: u64 }, C }"),
        refused("tagging_undone", "@ #[serde(tag = \"kind\")] pub enum T { A { x: u64 }, B { x: u64 }, C }", "T::B { x: p64(s, 1) }",
            "@pub enum T { A { x: u64 }, B { x: u64 } }"),
        migrated("untagged_variants_reordered", "@ #[serde(untagged)] pub enum T { A { x: u64 }, B(String), C(u64) }",
            "match s % 3 { 0 => T::A { x: p64(s, 1) }, 1 => T::B(text(s, 2)), _ => T::C(p64(s, 3)) }",
            "@ #[serde(untagged)] pub enum T { C(u64), B(String), A { x: u64 }, D(bool) }",
            &["*v == match s % 3 { 0 => T::A { x: p64(s, 1) }, 1 => T::B(text(s, 2)), _ => T::C(p64(s, 3)) }"]),
        migrated("value_to_untagged", "pub type T = String;", "text(s, 1)",
            "@ #[serde(untagged)] pub enum T { Number(u64), Text(String) }", &["*v == T::Text(text(s, 1))"]),
        // Options.
        migrated("value_to_option", "pub type T = u64;", "p64(s, 1)", "pub type T = Option<u64>;", &["*v == Some(p64(s, 1))"]),
        migrated("field_to_option", "@pub struct T { a: String, b: u64 }", "T { a: text(s, 1), b: p64(s, 2) }",
            "@pub struct T { a: Option<String>, b: Option<u64> }", &["v.a == Some(text(s, 1))", "v.b == Some(p64(s, 2))"]),
        migrated("option_with_value_to_value", "@pub struct T { a: Option<String>, b: Option<u64> }", "T { a: Some(text(s, 1)), b: Some(p64(s, 2)) }",
            "@pub struct T { a: String, b: u64 }", &["v.a == text(s, 1)", "v.b == p64(s, 2)"]),
        refused("option_without_value_to_value", "@pub struct T { a: u64, b: Option<u64> }", "T { a: p64(s, 1), b: None }", "@pub struct T { a: u64, b: u64 }"),
        refused("option_without_value_to_unit", "@pub struct T { b: Option<()> }", "T { b: None }", "@pub struct T { b: () }"),
        migrated("value_to_nested_option", "@pub struct T { a: u64 }", "T { a: p64(s, 1) }", "@pub struct T { a: Option<Option<u64>> }", &["v.a == Some(Some(p64(s, 1)))"]),
        refused("nested_option_of_none_to_option_of_value", "@pub struct T { a: Option<Option<u64>> }", "T { a: Some(None) }", "@pub struct T { a: Option<u64>, b: Option<u64> }"),
        migrated("nested_options", "@pub struct T { a: [Option<Option<Option<u64>>>; 4] }", "T { a: [None, Some(None), Some(Some(None)), Some(Some(Some(p64(s, 1))))] }",
            "@pub struct T { new: Option<u8>, a: [Option<Option<Option<u64>>>; 4] }",
            &["v.a == [None, Some(None), Some(Some(None)), Some(Some(Some(p64(s, 1))))]", "v.new.is_none()"]),
        migrated("option_of_units", "@pub struct T { a: [Option<Option<()>>; 3] }", "T { a: [None, Some(None), Some(Some(()))] }",
            "@pub struct T { new: Option<u8>, a: [Option<Option<()>>; 3] }", &["v.a == [None, Some(None), Some(Some(()))]"]),
        migrated("option_of_box_to_option", "pub type T = Option<Box<u64>>;", "(s != 1).then(|| Box::new(p64(s, 1)))",
            "pub type T = Option<u64>;", &["*v == (s != 1).then(|| p64(s, 1))"]),
        survives("option_of_nonzero", "pub type T = Option<NonZeroU64>;", "NonZeroU64::new(p64(s, 1) * (s % 2))",
            "pub type T = Option<u64>;", &["*v == (s % 2 == 1).then(|| p64(s, 1))"]),
    ]);
    shapes
}
