//! Serializes JSON as typed by the user, with numbers of any width.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::Error as _,
};
use serde_json::value::RawValue;

/// Syntactically valid JSON.
pub(super) struct Written<'a>(pub(super) &'a RawValue);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = self.0.get();
        match text.as_bytes().first() {
            Some(b'n') => to.serialize_unit(),
            Some(b't') => to.serialize_bool(true),
            Some(b'f') => to.serialize_bool(false),
            Some(b'"') => {
                let text: String = serde_json::from_str(text).map_err(S::Error::custom)?;
                to.serialize_str(&text)
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> =
                    serde_json::from_str(text).map_err(S::Error::custom)?;
                to.collect_seq(elements.into_iter().map(Written))
            }
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text).map_err(S::Error::custom)?;
                to.collect_map(members.into_iter().map(|(name, it)| (name, Written(it))))
            }
            _ => number(text, to),
        }
    }
}

fn number<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    if let Ok(value) = text.parse() {
        to.serialize_u64(value)
    } else if let Ok(value) = text.parse() {
        to.serialize_i64(value)
    } else if let Ok(value) = text.parse() {
        to.serialize_u128(value)
    } else if let Ok(value) = text.parse() {
        to.serialize_i128(value)
    } else {
        let value: f64 = text.parse().map_err(S::Error::custom)?;
        to.serialize_f64(value)
    }
}

/// An object's members in their order. Duplicates are left for the decoder to reject.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
