//! Parses and checks values of options.

use std::fs;

use kt::wire::platform::Glibc;
use serde_json::{Map, Value};

use super::{ConfigError, Kind, ServiceOption, duration, quantity};

/// Parses a value from the command line or a variable.
pub(super) fn parse(
    option: &'static ServiceOption,
    text: &str,
    origin: &str,
) -> Result<Value, ConfigError> {
    let value = match option.kind {
        Kind::Number(..) | Kind::Switch => serde_json::from_str(text).ok(),
        Kind::User => Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
        Kind::Map => pairs(text).or_else(|| document(text)),
        Kind::List => match text.starts_with('[') {
            true => document(text),
            false => Some(text.split(',').map(|it| Value::from(it.trim())).collect()),
        },
        Kind::Objects | Kind::Object => match text.strip_prefix('@') {
            Some(path) => {
                let read = fs::read_to_string(path).map_err(|source| ConfigError::Read {
                    path: path.into(),
                    source,
                });
                document(&read?)
            }
            None => document(text),
        },
        _ => Some(Value::from(text)),
    };
    value.ok_or_else(|| wrong(option, &Value::from(text), origin))
}

/// `A=b,C=d`.
fn pairs(text: &str) -> Option<Value> {
    if text.starts_with('{') {
        return None;
    }
    let pairs = text.split(',').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), Value::from(value)))
    });
    pairs.collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// Parses YAML, a superset of JSON.
pub(super) fn document(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

/// Converts a value from a file. Objects in Kubernetes' form may also be YAML strings there.
pub(super) fn read(option: &ServiceOption, value: Value) -> Value {
    match (&value, option.kind) {
        (Value::String(text), Kind::Objects | Kind::Object) => document(text).unwrap_or(value),
        _ => value,
    }
}

/// Checks that a value is valid for an option.
pub(super) fn check(
    option: &'static ServiceOption,
    value: &Value,
    origin: &str,
) -> Result<(), ConfigError> {
    let text = value.as_str();
    let fits = match option.kind {
        Kind::Text => text.is_some_and(|text| !text.trim().is_empty()),
        Kind::Label => text.is_some_and(is_label),
        Kind::Path => text.is_some_and(|text| text.starts_with('/')),
        Kind::Choice(all) => text.is_some_and(|text| all.contains(&text)),
        Kind::Quantity => match value {
            Value::String(text) => quantity::is_positive(text),
            Value::Number(number) => quantity::is_positive(&number.to_string()),
            _ => false,
        },
        Kind::Number(from, to) => value.as_u64().is_some_and(|it| (from..=to).contains(&it)),
        Kind::Switch => value.is_boolean(),
        Kind::Duration => text.is_some_and(|text| duration::parse(text).is_ok()),
        Kind::User => text == Some("image") || value.as_u64().is_some_and(|user| user < 1 << 31),
        Kind::Version => text.is_some_and(|text| text.parse::<Glibc>().is_ok()),
        Kind::Map => value.as_object().is_some_and(|map| {
            map.iter()
                .all(|(name, value)| !name.is_empty() && !value.is_object() && !value.is_array())
        }),
        Kind::List => value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string)),
        Kind::Objects => value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_object)),
        Kind::Object => value.is_object(),
    };
    match fits {
        true => Ok(()),
        false => Err(wrong(option, value, origin)),
    }
}

/// Describes the valid values of an option.
pub(super) fn expected(option: &ServiceOption) -> String {
    let text = match option.kind {
        Kind::Text => "a string",
        Kind::Path => "an absolute path",
        Kind::Label => "up to 63 of a-z, 0-9 and `-`, starting and ending with a letter or digit",
        Kind::Choice(all) => {
            let all: Vec<String> = all.iter().map(|it| format!("`{it}`")).collect();
            return match &all[..] {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} or {last}", first.join(", "))
                }
                _ => all.concat(),
            };
        }
        Kind::Quantity => "a quantity above zero, such as `500m`, `2` or `4Gi`",
        Kind::Number(from, to) if from == to => {
            return format!("{from} (the only supported value)");
        }
        Kind::Number(from, to) => return format!("an integer from {from} to {to}"),
        Kind::Switch => "`true` or `false`",
        Kind::Duration => "a duration such as `90s`, `10m` or `1h30m`",
        Kind::User => "a user ID, or `image` for the image's own user",
        Kind::Version => "a version `MAJOR.MINOR` in quotes: `\"2.31\"`",
        Kind::Map => "a map of strings: `{ NAME = \"value\" }`; `NAME=value` as flag or variable",
        Kind::List => "a list of strings: `[\"one\", \"two\"]`; `one,two` as flag or variable",
        Kind::Objects => "a list of objects; YAML, JSON or `@FILE` as flag or variable",
        Kind::Object => "an object; YAML, JSON or `@FILE` as flag or variable",
    };
    text.to_owned()
}

pub(super) fn wrong(option: &'static ServiceOption, value: &Value, origin: &str) -> ConfigError {
    ConfigError::Value {
        name: option.name,
        value: value.to_string(),
        origin: origin.to_owned(),
        expected: expected(option),
    }
}

/// A DNS label: RFC 1123, section 2.1.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
