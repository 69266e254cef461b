//! serde's attributes, each on fields in every kind of container: a few hundred types.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use uuid::Uuid;

use super::same::all_same;

/// Puts a field with its attributes into containers whose fields have names, and compares each with
/// serde_json.
macro_rules! named {
    ($($module:ident: [$($attribute:meta),*] $type:ty = [$($value:expr),+ $(,)?];)*) => {$(
        mod $module {
            use super::*;

            #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
            pub struct Named { before: u8, $(#[serde($attribute)])* field: $type, after: u64 }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Last { before: String, $(#[serde($attribute)])* field: $type }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Alone { $(#[serde($attribute)])* field: $type }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub enum External { Empty, One { $(#[serde($attribute)])* field: $type, after: bool } }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(tag = "kind")]
            pub enum Internal { Empty, One { $(#[serde($attribute)])* field: $type, after: bool } }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(tag = "kind", content = "content")]
            pub enum Adjacent { Empty, One { $(#[serde($attribute)])* field: $type, after: bool } }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(untagged)]
            pub enum Untagged { One { $(#[serde($attribute)])* field: $type, after: bool }, Text(String) }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Flat { id: u8, #[serde(flatten)] inner: Named }

            #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
            #[serde(default, rename_all = "SCREAMING-KEBAB-CASE", deny_unknown_fields)]
            pub struct Defaulted { other_field: u16, inner: Option<Box<Named>> }

            #[test]
            fn arrives_as_from_json() {
                let (after, text) = (true, "text".to_owned());
                $(
                    let field: $type = $value;
                    let named = Named { before: 7, field: field.clone(), after: 300 };
                    all_same(std::slice::from_ref(&named));
                    all_same(&[vec![named.clone(), Named::default()]]);
                    all_same(&[BTreeMap::from([(Some(1_u8), named.clone())])]);
                    all_same(&[(named.clone(), 1_u64, vec![1_u8, 2])]);
                    all_same(&[Last { before: text.clone(), field: field.clone() }]);
                    all_same(&[(Alone { field: field.clone() }, 9_u32)]);
                    all_same(&[External::One { field: field.clone(), after }, External::Empty]);
                    all_same(&[Internal::One { field: field.clone(), after }, Internal::Empty]);
                    all_same(&[Adjacent::One { field: field.clone(), after }, Adjacent::Empty]);
                    all_same(&[Untagged::One { field, after }, Untagged::Text(text.clone())]);
                    all_same(&[Flat { id: 1, inner: named.clone() }]);
                    all_same(&[
                        Defaulted { other_field: 5, inner: Some(Box::new(named)) },
                        Defaulted::default(),
                    ]);
                )*
            }
        }
    )*};
}

/// The same for containers without names.
macro_rules! unnamed {
    ($($module:ident: [$($attribute:meta),*] $type:ty = [$($value:expr),+ $(,)?];)*) => {$(
        mod $module {
            use super::*;

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Tuple(u8, $(#[serde($attribute)])* $type, #[serde(default)] u64);

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Newtype($(#[serde($attribute)])* $type);

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub enum External { Empty, One($(#[serde($attribute)])* $type), Two(u8, $(#[serde($attribute)])* $type) }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(tag = "kind", content = "content")]
            pub enum Adjacent { Empty, One($(#[serde($attribute)])* $type), Two(u8, $(#[serde($attribute)])* $type) }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(untagged)]
            pub enum Untagged { Two(u8, $(#[serde($attribute)])* $type, u8), One($(#[serde($attribute)])* $type) }

            #[test]
            fn arrives_as_from_json() {
                $(
                    let field: $type = $value;
                    all_same(&[Tuple(1, field.clone(), 300)]);
                    all_same(&[(Newtype(field.clone()), 300_u64)]);
                    all_same(&[External::Empty, External::One(field.clone()), External::Two(1, field.clone())]);
                    all_same(&[Adjacent::Empty, Adjacent::One(field.clone()), Adjacent::Two(1, field.clone())]);
                    all_same(&[Untagged::One(field.clone()), Untagged::Two(1, field, 2)]);
                )*
            }
        }
    )*};
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

fn seven() -> u8 {
    7
}

/// A number as a text, either way.
mod as_text {
    use super::*;

    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Written as a number, read as anything that says one.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Option<u64>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number, a text or nothing")
        }
        fn visit_u64<E>(self, value: u64) -> Result<Option<u64>, E> {
            Ok(Some(value))
        }
        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Option<u64>, E> {
            value.parse().map(Some).map_err(E::custom)
        }
        fn visit_unit<E>(self) -> Result<Option<u64>, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Visitor)
}

fn plain<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_unit(),
    }
}

/// Written without its length.
fn streamed<S: Serializer>(value: &[u16], serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeSeq;
    let mut seq = serializer.serialize_seq(None)?;
    for element in value {
        seq.serialize_element(element)?;
    }
    seq.end()
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inner {
    x: i8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    #[default]
    DarkRed,
    #[serde(alias = "grün")]
    Green,
    #[serde(skip_deserializing)]
    Hidden,
    #[serde(rename(serialize = "b", deserialize = "blue"))]
    Blue,
    #[serde(other)]
    Unknown,
}

named! {
    no_attribute: [] u16 = [0, 300];
    default: [default] u16 = [0, 300];
    default_path: [default = "seven"] u8 = [0, 7];
    skip: [skip] u16 = [0, 9];
    skip_with_default: [skip, default = "seven"] u8 = [9];
    skip_serializing: [skip_serializing, default] String = ["secret".into()];
    skip_serializing_without_default: [skip_serializing] String = ["secret".into()];
    skip_deserializing: [skip_deserializing] u16 = [9];
    skip_if_none: [default, skip_serializing_if = "Option::is_none"] Option<String> = [None, Some("x".into())];
    skip_if_none_number: [skip_serializing_if = "Option::is_none"] Option<u8> = [None, Some(1), Some(251)];
    skip_if_zero: [default, skip_serializing_if = "is_zero"] u8 = [0, 1, 251];
    skip_if_empty: [default, skip_serializing_if = "Vec::is_empty"] Vec<u32> = [vec![], vec![1, 70_000]];
    rename: [rename = "another"] i32 = [-5];
    rename_to_a_neighbor_or_none: [rename(serialize = "one", deserialize = "two"), default] i32 = [-5];
    rename_one_side: [rename(serialize = "one"), alias = "one"] i32 = [-5];
    alias: [alias = "other", alias = "third"] i32 = [-5];
    with: [with = "as_text"] u64 = [0, u64::MAX];
    serialize_with: [serialize_with = "plain"] Option<u16> = [None, Some(700)];
    serialize_without_length: [serialize_with = "streamed"] Vec<u16> = [vec![], vec![1, 700]];
    deserialize_with: [deserialize_with = "text_or_number"] Option<u64> = [None, Some(1 << 40)];
    both_with: [serialize_with = "plain", deserialize_with = "text_or_number"] Option<u64> = [None, Some(5)];
    bytes: [with = "serde_bytes"] Vec<u8> = [vec![], vec![0, 255, 7]];
    bytes_written: [serialize_with = "serde_bytes::serialize"] Vec<u8> = [vec![], vec![0, 255, 7]];
    bytes_read: [deserialize_with = "serde_bytes::deserialize"] Vec<u8> = [vec![], vec![0, 255, 7]];
    flatten_struct: [flatten] Inner = [Inner { x: -1, y: None }, Inner { x: 1, y: Some("y".into()) }];
    flatten_option: [flatten] Option<Inner> = [None, Some(Inner { x: 1, y: None })];
    flatten_map: [flatten] BTreeMap<String, serde_json::Value> =
        [BTreeMap::new(), BTreeMap::from([("more".to_owned(), serde_json::json!([1, -2.5, null]))])];
    an_enum: [] Color = [Color::DarkRed, Color::Green, Color::Hidden, Color::Blue, Color::Unknown];
    an_enum_if_set: [default, skip_serializing_if = "Option::is_none"] Option<Color> =
        [None, Some(Color::Green), Some(Color::Hidden), Some(Color::Blue)];
    nested: [] Vec<Option<Inner>> = [vec![], vec![None, Some(Inner { x: 1, y: None })]];
    any_json: [] serde_json::Value = [serde_json::json!({ "a": [1, "b", { "c": null }], "d": 1.5, "e": -3 })];
    character: [] char = ['a', 'ß', '🦀'];
    wide: [] i128 = [0, -1, i128::MIN, i128::from(u64::MAX), i128::MAX];
    floats: [] (f32, f64) = [(0.1, -0.0), (1e30, f64::MIN_POSITIVE), (f32::INFINITY, 1.0)];
    unit: [] () = [()];
    options: [] Option<Option<u8>> = [None, Some(Some(1))];
    keys: [] BTreeMap<u32, Inner> = [BTreeMap::from([(70_000, Inner::default())])];
    keyed_by_enum: [] BTreeMap<Color, u8> = [BTreeMap::from([(Color::Green, 1), (Color::DarkRed, 2)])];
    keyed_by_pair: [] Vec<((u8, Color), char)> = [vec![((1, Color::Green), 'x')]];
    address: [] Option<std::net::IpAddr> = [None, Some([127, 0, 0, 1].into()), Some([0_u16; 8].into())];
    duration: [] std::time::Duration = [std::time::Duration::MAX];
    path: [] std::path::PathBuf = ["a/ß".into()];
    decimal: [] rust_decimal::Decimal = [rust_decimal::Decimal::new(-123_456, 3)];
    identifier: [] Uuid = [Uuid::from_u128(0x1234_5678)];
    time: [] chrono::DateTime<chrono::Utc> = [chrono::DateTime::from_timestamp(1_764_000_000, 5).unwrap()];
    array: [] [u8; 3] = [[0, 251, 255]];
    result: [] Result_ = [Result_(Ok(300)), Result_(Err("no".into()))];
}

unnamed! {
    tuple_plain: [] u16 = [0, 300];
    tuple_skip: [skip] u16 = [0, 9];
    tuple_skip_serializing: [skip_serializing, default] u16 = [9];
    tuple_skip_deserializing: [skip_deserializing] u16 = [9];
    tuple_with: [with = "as_text"] u64 = [u64::MAX];
    tuple_bytes: [with = "serde_bytes"] Vec<u8> = [vec![0, 255]];
    tuple_bytes_written: [serialize_with = "serde_bytes::serialize"] Vec<u8> = [vec![0, 255]];
    tuple_any: [] serde_json::Value = [serde_json::json!({ "a": [1, "b"] }), serde_json::Value::Null];
    tuple_inner: [] Inner = [Inner { x: -1, y: None }, Inner { x: 1, y: Some("y".into()) }];
    tuple_enum: [] Color = [Color::Green, Color::Hidden, Color::Blue];
    tuple_option: [] Option<Color> = [None, Some(Color::Green)];
    tuple_either: [deserialize_with = "text_or_number", serialize_with = "plain"] Option<u64> = [Some(5), None];
    tuple_decimal: [] rust_decimal::Decimal = [rust_decimal::Decimal::new(-5, 3)];
    tuple_uuid: [] Uuid = [Uuid::from_u128(0x1234_5678)];
    tuple_address: [] std::net::IpAddr = [[127, 0, 0, 1].into()];
    tuple_text: [] String = ["ß".into()];
    tuple_map: [] BTreeMap<String, Vec<Inner>> = [BTreeMap::from([("k".to_owned(), vec![Inner::default()])])];
}

/// `Result` has no `Default`, which some containers want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Result_(Result<u16, String>);

impl Default for Result_ {
    fn default() -> Self {
        Self(Ok(0))
    }
}
