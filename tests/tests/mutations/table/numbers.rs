//! One number, character or text that becomes another kind, between two guards.

use super::{migrated, refused};
use crate::case::Shape;

/// Name, type and value before, type after, what is true of `v.x`; empty if refused.
const ROWS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "u64_to_u32_fitting",
        "u64",
        "u64::from(p32(s, 1))",
        "u32",
        "v.x == p32(s, 1)",
    ),
    ("u64_to_u32_not_fitting", "u64", "p64(s, 1)", "u32", ""),
    (
        "u32_to_u64",
        "u32",
        "p32(s, 1)",
        "u64",
        "v.x == u64::from(p32(s, 1))",
    ),
    (
        "u16_to_usize",
        "u16",
        "p16(s, 1)",
        "usize",
        "v.x == usize::from(p16(s, 1))",
    ),
    (
        "i64_to_u64_positive",
        "i64",
        "i64::from(p32(s, 1))",
        "u64",
        "v.x == u64::from(p32(s, 1))",
    ),
    ("i64_to_u64_negative", "i64", "i64n(s, 1)", "u64", ""),
    (
        "u64_to_i64_fitting",
        "u64",
        "u64::from(p32(s, 1))",
        "i64",
        "v.x == i64::from(p32(s, 1))",
    ),
    ("u64_to_i64_not_fitting", "u64", "p64(s, 1)", "i64", ""),
    (
        "i8_to_i64_negative",
        "i8",
        "p8(s, 1) as i8",
        "i64",
        "v.x == i64::from(p8(s, 1) as i8) && v.x < 0",
    ),
    (
        "f32_to_f64",
        "f32",
        "real(s, 1) as f32",
        "f64",
        "v.x == f64::from(real(s, 1) as f32)",
    ),
    (
        "f64_to_f32_rounds",
        "f64",
        "real(s, 1)",
        "f32",
        "v.x == real(s, 1) as f32",
    ),
    ("f64_to_f32_too_large", "f64", "1e300", "f32", ""),
    (
        "u32_to_f64",
        "u32",
        "p32(s, 1)",
        "f64",
        "v.x == f64::from(p32(s, 1))",
    ),
    ("u64_to_f64_not_exact", "u64", "p64(s, 1) | 1", "f64", ""),
    ("u64_to_f32_not_exact", "u64", "16_777_217", "f32", ""),
    ("f64_to_u64", "f64", "real(s, 1)", "u64", ""),
    (
        "u64_to_u128",
        "u64",
        "p64(s, 1)",
        "u128",
        "v.x == u128::from(p64(s, 1))",
    ),
    (
        "u128_to_u64_fitting",
        "u128",
        "u128::from(p64(s, 1))",
        "u64",
        "v.x == p64(s, 1)",
    ),
    ("u128_to_u64_not_fitting", "u128", "p128(s, 1)", "u64", ""),
    (
        "u128_to_i128",
        "u128",
        "p128(s, 1) >> 1",
        "i128",
        "v.x as u128 == p128(s, 1) >> 1",
    ),
    (
        "i128_to_u128_negative",
        "i128",
        "p128(s, 1) as i128",
        "u128",
        "",
    ),
    (
        "i128_to_i64_fitting",
        "i128",
        "i128::from(i64n(s, 1))",
        "i64",
        "v.x == i64n(s, 1)",
    ),
    ("u8_to_bool", "u8", "1", "bool", ""),
    ("bool_to_u8", "bool", "true", "u8", ""),
    ("char_to_u32", "char", "'\u{1F980}'", "u32", ""),
    ("u32_to_char", "u32", "65", "char", ""),
    (
        "char_to_string",
        "char",
        "'\u{1F980}'",
        "String",
        "v.x == \"\u{1F980}\"",
    ),
    (
        "string_of_one_to_char",
        "String",
        "\"\u{1F980}\".into()",
        "char",
        "v.x == '\u{1F980}'",
    ),
    ("string_to_char", "String", "text(s, 1)", "char", ""),
    ("string_to_u32", "String", "\"42\".into()", "u32", ""),
    ("u32_to_string", "u32", "42", "String", ""),
    ("unit_to_u64", "()", "()", "u64", ""),
    ("u64_to_unit", "u64", "p64(s, 1)", "()", ""),
    (
        "u64_to_nonzero",
        "u64",
        "p64(s, 1)",
        "NonZeroU64",
        "v.x.get() == p64(s, 1)",
    ),
    ("zero_to_nonzero", "u64", "0", "NonZeroU64", ""),
    (
        "u64_to_wrapping",
        "u64",
        "p64(s, 1)",
        "Wrapping<u64>",
        "v.x.0 == p64(s, 1)",
    ),
    (
        "string_to_boxed_str",
        "String",
        "text(s, 1)",
        "Box<str>",
        "*v.x == *text(s, 1)",
    ),
    (
        "string_to_arc_str",
        "String",
        "text(s, 1)",
        "Arc<str>",
        "*v.x == *text(s, 1)",
    ),
    (
        "string_to_cow",
        "String",
        "text(s, 1)",
        "Cow<'static, str>",
        "v.x == text(s, 1)",
    ),
    (
        "string_to_path",
        "String",
        "text(s, 1)",
        "PathBuf",
        "v.x == PathBuf::from(text(s, 1))",
    ),
    ("string_to_bytes", "String", "text(s, 1)", "Vec<u8>", ""),
    (
        "address_to_string",
        "Ipv4Addr",
        "Ipv4Addr::from(p32(s, 1))",
        "String",
        "",
    ),
    ("u64_to_duration", "u64", "p64(s, 1)", "Duration", ""),
];

pub fn shapes() -> Vec<Shape> {
    let shape = |&(name, before, value, after, check): &(&str, &str, &str, &str, &str)| {
        let types = |x: &str| format!("@pub struct T {{ before: u32, x: {x}, after: u32 }}");
        let value = format!("T {{ before: p32(s, 6), x: {value}, after: p32(s, 7) }}");
        match check {
            "" => refused(name, &types(before), &value, &types(after)),
            check => migrated(
                name,
                &types(before),
                &value,
                &types(after),
                &["v.before == p32(s, 6)", check, "v.after == p32(s, 7)"],
            ),
        }
    };
    let mut shapes: Vec<Shape> = ROWS.iter().map(shape).collect();
    // Values that keep every bit while a field beside them changes.
    for (name, of, value, check) in [
        (
            "nan_of_64_bits",
            "f64",
            "nan(s, 1)",
            "#.to_bits() == nan(s, 1).to_bits()",
        ),
        (
            "nan_of_32_bits",
            "f32",
            "nan32(s, 1)",
            "#.to_bits() == nan32(s, 1).to_bits()",
        ),
        (
            "negative_zero",
            "f64",
            "-0.0",
            "#.to_bits() == (-0.0_f64).to_bits()",
        ),
        (
            "infinity",
            "f32",
            "f32::NEG_INFINITY",
            "# == f32::NEG_INFINITY",
        ),
        (
            "largest_128_bits",
            "(u128, i128, i128)",
            "(u128::MAX, i128::MIN, i128::MAX)",
            "# == (u128::MAX, i128::MIN, i128::MAX)",
        ),
        (
            "bytes_of_all_values",
            "Vec<u8>",
            "(0..=255).collect()",
            "# == (0..=255).collect::<Vec<u8>>()",
        ),
        (
            "odd_texts",
            "[String; 3]",
            "[String::new(), \"\\0\".into(), \"\\u{10FFFF}\\u{202E}\".into()]",
            "# == [String::new(), \"\\0\".into(), \"\\u{10FFFF}\\u{202E}\".into()]",
        ),
        (
            "limits_of_integers",
            "(i8, i16, i32, i64, u64)",
            "(i8::MIN, i16::MIN, i32::MIN, i64::MIN, u64::MAX)",
            "# == (i8::MIN, i16::MIN, i32::MIN, i64::MIN, u64::MAX)",
        ),
    ] {
        let check = check.replace('#', "v.x");
        shapes.push(
            migrated(
                name,
                &format!("@pub struct T {{ x: {of}, n: u32 }}"),
                &format!("T {{ x: {value}, n: p32(s, 2) }}"),
                &format!("@pub struct T {{ n: u64, x: {of} }}"),
                &[&check, "v.n == u64::from(p32(s, 2))"],
            )
            .before(&[&check, "v.n == p32(s, 2)"]),
        );
    }
    shapes
}
