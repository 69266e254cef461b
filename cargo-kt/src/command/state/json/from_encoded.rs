//! Deserializes values to JSON.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A JSON value. Not `serde_json::Value`, because that has no 128-bit numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Unsigned(u128),
    Signed(i128),
    /// Finite.
    F32(f32),
    /// Finite.
    F64(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value as the name of an object's member.
    fn name(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Unsigned(value) => Some(value.to_string()),
            Self::Signed(value) => Some(value.to_string()),
            Self::F32(value) => Some(value.to_string()),
            Self::F64(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Unsigned(value) => to.serialize_u128(*value),
            Self::Signed(value) => to.serialize_i128(*value),
            Self::F32(value) => to.serialize_f32(*value),
            Self::F64(value) => to.serialize_f64(*value),
            Self::Text(text) => to.serialize_str(text),
            Self::Array(elements) => to.collect_seq(elements),
            Self::Object(members) => to.collect_map(members.iter().map(|(name, it)| (name, it))),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        Json::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Signed(value.into()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Json, E> {
        Ok(Json::Signed(value))
    }

    fn visit_f32<E>(self, value: f32) -> Result<Json, E> {
        Ok(match value.is_finite() {
            true => Json::F32(value),
            false => Json::Text(value.to_string()),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(match value.is_finite() {
            true => Json::F64(value),
            false => Json::Text(value.to_string()),
        })
    }

    fn visit_char<E>(self, value: char) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Json, E> {
        let numbers = value.iter().map(|byte| Json::Unsigned((*byte).into()));
        Ok(Json::Array(numbers.collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = from.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut entries: Vec<(Json, Json)> = Vec::new();
        while let Some(entry) = from.next_entry()? {
            entries.push(entry);
        }
        let names: Option<Vec<String>> = entries.iter().map(|(key, _)| key.name()).collect();
        let distinct = |names: &Vec<String>| {
            let mut seen = HashSet::new();
            names.iter().all(|name| seen.insert(name.as_str()))
        };
        Ok(match names.filter(distinct) {
            Some(names) => {
                let values = entries.into_iter().map(|(_, value)| value);
                Json::Object(names.into_iter().zip(values).collect())
            }
            None => {
                let pairs = entries.into_iter();
                Json::Array(
                    pairs
                        .map(|(key, value)| Json::Array(vec![key, value]))
                        .collect(),
                )
            }
        })
    }
}
