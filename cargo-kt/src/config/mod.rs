//! *config*: resolves the options of a service from several layers to one value each, with its
//! origin. Knows the options and their checks, not how they are used.

mod check;
pub mod duration;
mod error;
mod flags;
mod layer;
mod option;
mod place;
pub mod quantity;
mod service;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

pub use error::ConfigError;
pub use flags::Flags;
pub use layer::{Layer, Written, environment, manifest};
pub use option::{Group, Kind, OPTIONS, ServiceOption};
pub use place::PlaceKind;
pub use service::{Secret, Service, Volume, VolumeSource};
pub use source::source;

/// One option, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// `Null` if it is not set and has no default.
    pub value: Value,
    /// Where it was set; `default` if it was not.
    pub origin: String,
}

/// Every option, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// In the order of [`OPTIONS`].
    pub options: Vec<(&'static ServiceOption, Resolved)>,
    pub service: Service,
}

impl Config {
    /// Merges layers, the lowest first: later values override earlier ones, and maps are merged key
    /// by key.
    ///
    /// # Errors
    /// If an option is unknown, a value is invalid, or two options conflict.
    pub fn resolve(layers: impl IntoIterator<Item = Layer>) -> Result<Self, ConfigError> {
        let mut values: BTreeMap<&str, Resolved> = BTreeMap::new();
        for Written {
            name,
            value,
            origin,
        } in layers.into_iter().flatten()
        {
            let option = option::find(&name, &origin)?;
            let value = value::read(option, value);
            value::check(option, &value, &origin)?;
            match values.get_mut(option.name) {
                Some(before) => before.put(value, origin),
                None => {
                    values.insert(option.name, Resolved { value, origin });
                }
            }
        }
        let place = values.get("place").and_then(|place| place.value.as_str());
        let place = PlaceKind::named(place.unwrap_or_default());
        let options: Vec<_> = OPTIONS
            .iter()
            .map(|option| {
                let resolved = values.remove(option.name);
                let default = || Resolved {
                    value: option.default_value(place),
                    origin: "default".to_owned(),
                };
                (option, resolved.unwrap_or_else(default))
            })
            .collect();
        let service = Service::of(&options)?;
        Ok(Self { options, service })
    }

    /// Flags for pods that have no effect because the place is local.
    pub fn without_effect(&self) -> Vec<String> {
        if self.service.place == PlaceKind::Kubernetes {
            return Vec::new();
        }
        let needs_pod = |option: &ServiceOption| match option.group {
            Group::Service => ["context", "namespace"].contains(&option.name),
            Group::Pod | Group::Cluster => option.name != "env",
        };
        let typed = self.options.iter().filter(|(option, resolved)| {
            needs_pod(option) && resolved.origin.ends_with(&format!("--{}", option.flag()))
        });
        typed
            .map(|(option, _)| format!("--{}", option.flag()))
            .collect()
    }

    /// Whether the option was set by any layer.
    pub fn is_set(&self, name: &str) -> bool {
        let found = self.options.iter().find(|(option, _)| option.name == name);
        found.is_some_and(|(_, resolved)| resolved.origin != "default")
    }
}

impl Resolved {
    fn put(&mut self, value: Value, origin: String) {
        match (&mut self.value, value) {
            (Value::Object(before), Value::Object(after)) => {
                before.extend(after);
                self.origin = format!("{}, {origin}", self.origin);
            }
            (before, after) => {
                *before = after;
                self.origin = origin;
            }
        }
    }
}
