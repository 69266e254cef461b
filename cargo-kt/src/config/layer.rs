//! Layers of options: manifests and the environment.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use serde_json::Value;

use super::{ConfigError, OPTIONS, option, value};

/// An option with its value and origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub name: String,
    pub value: Value,
    /// A file with a table or line, a variable, or a flag.
    pub origin: String,
}

/// The options of one source.
pub type Layer = Vec<Written>;

/// Reads `[package.metadata.kt]` or `[workspace.metadata.kt]` of a Cargo.toml; `shown` is its name
/// in messages. Files without these names are not parsed.
///
/// # Errors
/// If the file cannot be read or is not valid TOML.
pub fn manifest(path: &Path, shown: &str, table: &str) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    if !text.contains("metadata") || !text.contains("kt") {
        return Ok(Layer::new());
    }
    let document: toml::Table = toml::from_str(&text).map_err(|source| ConfigError::Toml {
        path: path.to_owned(),
        source: source.into(),
    })?;
    let found = document
        .get(table)
        .and_then(|it| it.get("metadata")?.get("kt")?.as_table());
    let origin = format!("{shown} [{table}.metadata.kt]");
    let written = found.into_iter().flatten().map(|(name, value)| Written {
        name: name.clone(),
        value: serde_json::to_value(value).unwrap_or_default(),
        origin: origin.clone(),
    });
    Ok(written.collect())
}

/// Reads variables such as `KT_CPU`.
///
/// # Errors
/// If a variable's value is invalid, or its name looks like a misspelled option.
pub fn environment(variables: &BTreeMap<OsString, OsString>) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for variable in variables.keys().filter_map(|it| it.to_str()) {
        option::check_variable(variable)?;
    }
    for option in OPTIONS {
        let variable = option.variable();
        let text = variables.get(std::ffi::OsStr::new(&variable));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            continue;
        };
        let value = value::parse(option, &text.to_string_lossy(), &variable)?;
        layer.push(Written {
            name: option.name.to_owned(),
            value,
            origin: variable,
        });
    }
    Ok(layer)
}
