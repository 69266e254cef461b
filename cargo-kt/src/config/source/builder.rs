//! Parses `kt::Service::new().cpu("2")…` without evaluating it.

use proc_macro2::Ident;
use serde_json::{Map, Value};
use syn::{Expr, ExprCall, ExprMethodCall, Lit, spanned::Spanned};

use super::Source;
use crate::config::{ConfigError, Kind, Layer, ServiceOption, Written, option, value};

/// What a repeatable setter adds to a map or list.
#[derive(Clone, Copy)]
pub(super) enum Adds {
    /// A name and a value.
    Pair,
    /// A string.
    Text,
    /// An object with these fields, and optionally one that is `true`.
    Object(&'static [&'static str], Option<&'static str>),
    /// An object, as YAML.
    Yaml,
}

/// The repeatable setters, with their options. All others have the name of their option, except
/// [`IMAGE_USER`].
pub(super) const ADDING: [(&str, &str, Adds); 11] = [
    ("image_pull_secret", "image_pull_secrets", Adds::Text),
    ("env", "env", Adds::Pair),
    (
        "secret_env",
        "secrets",
        Adds::Object(&["name"], Some("env")),
    ),
    (
        "secret_files",
        "secrets",
        Adds::Object(&["name", "mount"], None),
    ),
    (
        "volume_claim",
        "volumes",
        Adds::Object(&["name", "mount", "claim"], None),
    ),
    (
        "volume_empty_dir",
        "volumes",
        Adds::Object(&["name", "mount", "empty_dir"], None),
    ),
    (
        "volume_host_path",
        "volumes",
        Adds::Object(&["name", "mount", "host_path"], None),
    ),
    ("node_selector", "node_selector", Adds::Pair),
    ("toleration", "tolerations", Adds::Yaml),
    ("label", "labels", Adds::Pair),
    ("annotation", "annotations", Adds::Pair),
];

/// Sets `user` to `image`.
pub(super) const IMAGE_USER: &str = "image_user";

/// Parses the options in the value of a constant.
pub(super) fn options(value: &Expr, source: &Source<'_>) -> Result<Layer, ConfigError> {
    let mut calls = Vec::new();
    let mut next = value;
    while let Expr::MethodCall(ExprMethodCall {
        receiver,
        method,
        args,
        ..
    }) = next
    {
        let literals = args.iter().map(|it| literal(it, source));
        calls.push((method, literals.collect::<Result<Vec<_>, _>>()?));
        next = receiver;
    }
    if !matches!(next, Expr::Call(call) if is_new(call)) {
        let why = "must start with `kt::Service::new()`, because it is read before compilation";
        return Err(source.invalid(why, next.span()));
    }
    let mut layer = Layer::new();
    for (method, arguments) in calls.into_iter().rev() {
        set(&mut layer, method, arguments, source)?;
    }
    Ok(layer)
}

fn set(
    layer: &mut Layer,
    method: &Ident,
    arguments: Vec<Value>,
    source: &Source<'_>,
) -> Result<(), ConfigError> {
    let (name, origin) = (method.to_string(), source.at(method.span()));
    let wrong_call = || {
        source.invalid(
            format!("has no setter `{name}` with these arguments"),
            method.span(),
        )
    };
    let adding = ADDING.iter().find(|(setter, ..)| *setter == name);
    let (option, value) = match (adding, &arguments[..]) {
        (Some((_, option, adds)), _) => {
            let option = option::find(option, &origin)?;
            let value = added(option, *adds, &arguments, &origin)?;
            (option, value.ok_or_else(wrong_call)?)
        }
        (None, []) if name == IMAGE_USER => (option::find("user", &origin)?, "image".into()),
        (None, [value]) => {
            let option = option::find(&name, &origin)?;
            if matches!(option.kind, Kind::Map | Kind::List | Kind::Objects) {
                return Err(wrong_call());
            }
            (option, value.clone())
        }
        (None, _) => return Err(wrong_call()),
    };
    match layer.iter_mut().find(|it| it.name == option.name) {
        Some(before) => match (&mut before.value, value) {
            (Value::Object(all), Value::Object(more)) if adding.is_some() => all.extend(more),
            (Value::Array(all), Value::Array(more)) => all.extend(more),
            _ => return Err(source.invalid(format!("sets `{name}` twice"), method.span())),
        },
        None => layer.push(Written {
            name: option.name.to_owned(),
            value,
            origin,
        }),
    }
    Ok(())
}

/// A map or list of one element; `None` if the arguments are invalid.
fn added(
    option: &'static ServiceOption,
    adds: Adds,
    arguments: &[Value],
    origin: &str,
) -> Result<Option<Value>, ConfigError> {
    let texts: Option<Vec<&str>> = arguments.iter().map(Value::as_str).collect();
    Ok(match (adds, texts.as_deref()) {
        (Adds::Pair, Some([name, text])) => {
            Some(Map::from_iter([((*name).to_owned(), Value::from(*text))]).into())
        }
        (Adds::Text, Some([text])) => Some(vec![*text].into()),
        (Adds::Yaml, Some([text])) => match value::document(text) {
            Some(object @ Value::Object(_)) => Some(vec![object].into()),
            _ => return Err(value::wrong(option, &arguments[0], origin)),
        },
        (Adds::Object(fields, switch), Some(texts)) if texts.len() == fields.len() => {
            let fields = fields.iter().zip(texts);
            let fields = fields.map(|(field, text)| (*field, Value::from(*text)));
            let switch = switch.map(|field| (field, Value::Bool(true)));
            let object: Map<String, Value> = fields
                .chain(switch)
                .map(|(field, value)| (field.to_owned(), value))
                .collect();
            Some(vec![Value::from(object)].into())
        }
        _ => None,
    })
}

fn literal(argument: &Expr, source: &Source<'_>) -> Result<Value, ConfigError> {
    let not_literal = || {
        let why = "accepts only literals, because it is read before compilation";
        source.invalid(why, argument.span())
    };
    let Expr::Lit(literal) = argument else {
        return Err(not_literal());
    };
    match &literal.lit {
        Lit::Str(text) => Ok(text.value().into()),
        Lit::Bool(value) => Ok(value.value.into()),
        Lit::Int(number) => match number.base10_parse::<u64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(not_literal()),
        },
        _ => Err(not_literal()),
    }
}

fn is_new(call: &ExprCall) -> bool {
    let Expr::Path(path) = &*call.func else {
        return false;
    };
    let mut names = path.path.segments.iter().rev().map(|it| &it.ident);
    call.args.is_empty()
        && names.next().is_some_and(|it| it == "new")
        && names.next().is_some_and(|it| it == "Service")
}

/// All expected setters, in any order.
#[cfg(test)]
pub(super) fn setters() -> Vec<&'static str> {
    let scalar = crate::config::OPTIONS
        .iter()
        .filter(|it| !matches!(it.kind, Kind::Map | Kind::List | Kind::Objects))
        .map(|it| it.name);
    let adding = ADDING.iter().map(|(setter, ..)| *setter);
    scalar.chain(adding).chain([IMAGE_USER]).collect()
}
