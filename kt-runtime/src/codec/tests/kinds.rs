//! Containers that serde has attributes for, and types of other crates.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{json, value::RawValue};

use super::same::{all_same, same, sent};
use crate::codec::Codec;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Op {
    #[serde(skip)]
    Internal,
    Add(i32),
    Sub(i32),
    Mul(i32),
}

#[test]
fn a_skipped_variant_shifts_no_other() {
    all_same(&[Op::Add(5), Op::Sub(5), Op::Mul(5), Op::Internal]);
    all_same(&[vec![Op::Sub(5), Op::Mul(6)]]);
    all_same(&[Some(Op::Mul(1))]);
}

#[test]
fn a_struct_that_is_converted_arrives() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(into = "String", try_from = "String")]
    struct Port(u16);
    impl From<Port> for String {
        fn from(port: Port) -> Self {
            port.0.to_string()
        }
    }
    impl TryFrom<String> for Port {
        type Error = std::num::ParseIntError;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Self)
        }
    }
    all_same(&[Port(80)]);
    all_same(&[BTreeMap::from([(8_u8, Port(80))])]);

    #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(into = "u32", from = "u64")]
    struct Id(u64);
    impl From<Id> for u32 {
        fn from(id: Id) -> Self {
            id.0 as Self
        }
    }
    impl From<u64> for Id {
        fn from(id: u64) -> Self {
            Self(id)
        }
    }
    all_same(&[Id(70_000)]);
    all_same(&[HashMap::from([(Id(5), Id(6))])]);
}

#[test]
fn keys_are_texts_where_json_makes_them_so() {
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(into = "u32", try_from = "String")]
    struct Number(u32);
    impl From<Number> for u32 {
        fn from(number: Number) -> Self {
            number.0
        }
    }
    impl TryFrom<String> for Number {
        type Error = std::num::ParseIntError;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Self)
        }
    }
    all_same(&[BTreeMap::from([(Number(5), "five".to_owned())])]);

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(into = "String", from = "u32")]
    struct Text(u32);
    impl From<Text> for String {
        fn from(text: Text) -> Self {
            text.0.to_string()
        }
    }
    impl From<u32> for Text {
        fn from(number: u32) -> Self {
            Self(number)
        }
    }
    all_same(&[BTreeMap::from([(Text(5), true)])]);
}

#[test]
fn a_remote_definition_arrives() {
    mod other {
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Span {
            pub start: u32,
            pub end: u32,
        }
    }
    #[derive(Serialize, Deserialize)]
    #[serde(remote = "other::Span")]
    struct SpanDef {
        start: u32,
        #[serde(default, skip_serializing_if = "is_zero")]
        end: u32,
    }
    fn is_zero(n: &u32) -> bool {
        *n == 0
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "SpanDef")]
        span: other::Span,
        after: String,
    }
    let holder = |end| Holder {
        span: other::Span { start: 1, end },
        after: "a".into(),
    };
    all_same(&[holder(0), holder(300)]);
}

#[test]
fn a_type_written_by_hand_may_write_one_thing_and_read_another() {
    /// Reads the derived names, writes texts.
    #[derive(Debug, Clone, PartialEq, Deserialize)]
    enum Level {
        Low,
        High,
    }
    impl Serialize for Level {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(match self {
                Self::Low => "Low",
                Self::High => "High",
            })
        }
    }
    all_same(&[Level::Low, Level::High]);
    all_same(&[vec![Level::High]]);

    /// Reads fields, writes a sequence.
    #[derive(Debug, Clone, PartialEq, Deserialize)]
    struct Point {
        x: u16,
        y: u16,
    }
    impl Serialize for Point {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            [self.x, self.y].serialize(serializer)
        }
    }
    all_same(&[Point { x: 1, y: 300 }]);

    /// Writes a map, reads fields.
    #[derive(Debug, Clone, PartialEq, Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }
    impl Serialize for Pair {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("b", self.b), ("a", self.a)])
        }
    }
    all_same(&[Pair { a: 1, b: 2 }]);

    /// What comes second depends on what came first.
    #[derive(Debug, Clone, PartialEq)]
    enum Tagged {
        Number(u32),
        Text(String),
    }
    impl Serialize for Tagged {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Number(number) => (1_u8, number).serialize(serializer),
                Self::Text(text) => (2_u8, text).serialize(serializer),
            }
        }
    }
    impl<'de> Deserialize<'de> for Tagged {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Tagged;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a tag and a value")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut seq: A,
                ) -> Result<Tagged, A::Error> {
                    let wanted = || serde::de::Error::custom("too short");
                    match seq.next_element::<u8>()?.ok_or_else(wanted)? {
                        1 => seq.next_element()?.map(Tagged::Number).ok_or_else(wanted),
                        _ => seq.next_element()?.map(Tagged::Text).ok_or_else(wanted),
                    }
                }
            }
            deserializer.deserialize_tuple(2, Visitor)
        }
    }
    all_same(&[Tagged::Number(300), Tagged::Text("x".into())]);
}

#[test]
fn an_enum_is_carried_however_it_is_tagged() {
    macro_rules! tagged {
        ($($name:ident [$($attribute:meta),*])*) => {$({
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            $(#[serde($attribute)])*
            enum $name {
                Struct { a: u8, b: Option<Box<$name>> },
                Newtype(BTreeMap<String, u16>),
                Unit,
                Other(Inner),
            }
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            struct Inner { value: serde_json::Value }
            let inner = $name::Struct { a: 1, b: None };
            all_same(&[
                $name::Struct { a: 251, b: Some(Box::new(inner)) },
                $name::Newtype(BTreeMap::from([("k".to_owned(), 300)])),
                $name::Unit,
                $name::Other(Inner { value: json!({ "deep": [1, 2.5, "x", null, true] }) }),
            ]);
        })*};
    }
    tagged! {
        External []
        Internal [tag = "t"]
        Adjacent [tag = "t", content = "c"]
        Untagged [untagged]
        Renamed [rename_all = "UPPERCASE", rename_all_fields = "camelCase"]
        Strict [deny_unknown_fields]
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    struct Typed {
        a: u8,
    }
    all_same(&[Typed { a: 1 }]);
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Mixed {
        A(u8),
        #[serde(untagged)]
        B(String),
    }
    all_same(&[Mixed::A(1), Mixed::B("b".into())]);
}

#[test]
fn json_in_all_its_forms_arrives() {
    let value = json!({ "n": [0, -1, 1.5, u64::MAX, i64::MIN], "s": "ß", "o": { "": null }, "b": [true, false] });
    all_same(&[value.clone(), json!(null), json!([]), json!("x")]);
    all_same(&[value.as_object().unwrap().clone()]);
    all_same(&[HashMap::from([("k".to_owned(), value.clone())])]);
    all_same(&[Some(value.clone()), None]);
    all_same(&[
        serde_json::Number::from_f64(1.5).unwrap(),
        7.into(),
        (-7).into(),
    ]);

    #[derive(Debug, Serialize, Deserialize)]
    struct Raw {
        id: u8,
        raw: Box<RawValue>,
    }
    let raw = RawValue::from_string(r#"{"kept":   "as it is"}"#.into()).unwrap();
    let (arrived, _) = sent(&Raw { id: 1, raw });
    let arrived = arrived.unwrap();
    assert_eq!(
        (arrived.id, arrived.raw.get()),
        (1, r#"{"kept":   "as it is"}"#)
    );
}

#[test]
fn what_json_loses_is_kept() {
    let exact = |value: &Vec<Option<Option<u8>>>| assert_eq!(sent(value).0.as_ref(), Ok(value));
    exact(&vec![None, Some(None), Some(Some(1))]);
    let nan = f64::from_bits(0x7ff8_0000_dead_beef);
    assert_eq!(sent(&nan).0.unwrap().to_bits(), nan.to_bits());
    let keyed = BTreeMap::from([((1_u8, true), "pair".to_owned())]);
    assert_eq!(sent(&keyed).0, Ok(keyed));

    // Also without bincode.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Loose {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        options: Vec<Option<Option<u8>>>,
        keyed: BTreeMap<(u8, bool), char>,
        nan: f32,
        wide: (u128, i128),
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    }
    let loose = Loose {
        skipped: None,
        options: vec![None, Some(None), Some(Some(1))],
        keyed: [((1, true), 'x')].into(),
        nan: f32::NEG_INFINITY,
        wide: (u128::MAX, i128::MIN),
        bytes: vec![0, 255],
    };
    let (arrived, codec) = sent(&loose);
    assert_eq!((arrived, codec), (Ok(loose), Codec::Named));
}

#[test]
fn types_of_other_crates_arrive() {
    use std::{net::SocketAddr, num::NonZeroU8, ops::RangeInclusive, time::SystemTime};
    let address: SocketAddr = "[::1]:80".parse().unwrap();
    all_same(&[address]);
    all_same(&[(SystemTime::UNIX_EPOCH, 1_u8)]);
    all_same::<RangeInclusive<u16>>(&[1..=300]);
    all_same(&[NonZeroU8::MIN]);
    all_same(&[std::ffi::OsString::from("x")]);
    all_same(&[
        rust_decimal::Decimal::MAX,
        rust_decimal::Decimal::new(1, 28),
    ]);
    all_same(&[uuid::Uuid::max()]);
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 28).unwrap();
    all_same(&[day]);
    all_same(&[day.and_hms_opt(1, 2, 3).unwrap()]);
    all_same(&[serde_bytes::ByteBuf::from(vec![0_u8, 255])]);
    assert_eq!(same(&(1_u8, "x".to_owned(), vec![0.5_f32])), Codec::Compact);
}
