//! The cargo profile: the settings that kt overrides, and the user's values that they replace.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8Path;

use super::{Configuration, PlanError, Setting};
use crate::context::CargoContext;

/// A cargo profile.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    pub name: String,
    /// Its directory below the target triple's: `debug`, `release`, or its name.
    pub directory: String,
}

impl Profile {
    pub(crate) fn named(name: &str) -> Self {
        let directory = match name {
            "dev" | "test" => "debug",
            "bench" => "release",
            other => other,
        };
        Self {
            name: name.to_owned(),
            directory: directory.to_owned(),
        }
    }
}

/// A setting of the user that has no effect. It is reported once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Notice {
    /// A setting of the profile is replaced.
    ProfileSetting {
        profile: String,
        key: String,
        found: String,
        used: String,
        why: String,
    },
    /// `build.target` names another target.
    BuildTarget { found: String, used: String },
    /// cargo's `runner` is not used.
    Runner { key: String, found: String },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProfileSetting {
                profile,
                key,
                found,
                used,
                why,
            } => {
                write!(
                    formatter,
                    "`{key} = {found}` of profile `{profile}` is replaced by `{used}`: {why}"
                )
            }
            Self::BuildTarget { found, used } => {
                write!(
                    formatter,
                    "`build.target = \"{found}\"` is replaced by `{used}`: only `--target` selects the target of kt"
                )
            }
            Self::Runner { key, found } => {
                write!(
                    formatter,
                    "`{key}` (`{found}`) is not used: kt starts the program itself"
                )
            }
        }
    }
}

/// A setting that kt overrides.
struct Override {
    key: &'static str,
    /// The value, in TOML.
    value: &'static str,
    /// Values of the user that are equivalent or harmless, in TOML.
    same: &'static [&'static str],
    why: &'static str,
}

const OVERRIDES: &[Override] = &[
    Override {
        key: "panic",
        value: "\"unwind\"",
        same: &[],
        why: "a panic must not stop the worker",
    },
    Override {
        key: "lto",
        value: "\"off\"",
        same: &["false"],
        why: "kt links and swaps each crate separately",
    },
    Override {
        key: "debug",
        value: "\"line-tables-only\"",
        same: &["1"],
        why: "it is enough for backtraces, and rustc takes half the time",
    },
    Override {
        key: "split-debuginfo",
        value: "\"off\"",
        same: &[],
        why: "kt strips what it ships and keeps the full objects on this machine",
    },
    Override {
        key: "strip",
        value: "\"none\"",
        same: &["false"],
        why: "kt strips what it ships and keeps the full objects on this machine",
    },
];

/// The `--config` arguments that set the overrides. They have the highest precedence and, unlike
/// environment variables, do not reach build scripts.
pub(crate) fn overrides(profile: &str) -> impl Iterator<Item = String> {
    OVERRIDES
        .iter()
        .map(move |set| format!("profile.{profile}.{}={}", set.key, set.value))
}

/// The user's settings of one profile that kt overrides.
pub(super) fn replaced(
    profile: &str,
    workspace_manifest: &Utf8Path,
    configuration: &Configuration,
    context: &CargoContext,
) -> Result<Vec<Notice>, PlanError> {
    let text = std::fs::read_to_string(workspace_manifest).map_err(|source| PlanError::Read {
        path: workspace_manifest.to_owned(),
        source,
    })?;
    let manifest: toml::Table = text.parse().map_err(|source| PlanError::Parse {
        path: workspace_manifest.to_owned(),
        source: Box::new(source),
    })?;
    let settings = settings(profile, &manifest, configuration, context);
    let notices = OVERRIDES.iter().filter_map(|set| {
        let found = settings.get(set.key)?;
        (found != set.value && !set.same.contains(&found.as_str())).then(|| {
            Notice::ProfileSetting {
                profile: profile.to_owned(),
                key: set.key.to_owned(),
                found: found.clone(),
                used: set.value.to_owned(),
                why: set.why.to_owned(),
            }
        })
    });
    Ok(notices.collect())
}

/// The user's values of the keys in [`OVERRIDES`], in TOML. `--config` takes precedence over the
/// environment, this over configuration files, these over the manifest, and a profile over the one
/// it inherits from.
fn settings(
    profile: &str,
    manifest: &toml::Table,
    configuration: &Configuration,
    context: &CargoContext,
) -> BTreeMap<&'static str, String> {
    let in_manifest = |name: &str, key: &str| manifest.get("profile")?.get(name)?.get(key).cloned();
    let parent = |name: &str| match name {
        "dev" | "release" => None,
        "test" => Some("dev".to_owned()),
        "bench" => Some("release".to_owned()),
        _ => {
            let configured = configuration
                .get(&["profile", name, "inherits"])
                .map(|(_, value)| value.clone());
            configured
                .or_else(|| in_manifest(name, "inherits"))?
                .as_str()
                .map(str::to_owned)
        }
    };
    let mut chain = vec![profile.to_owned()];
    // cargo rejects a manifest with a cycle. The bound only prevents an endless loop.
    while let Some(name) = chain
        .last()
        .and_then(|name| parent(name))
        .filter(|_| chain.len() < 16)
    {
        chain.push(name);
    }
    let value = |name: &str, key: &str| {
        let variable = format!("CARGO_PROFILE_{name}_{key}")
            .replace('-', "_")
            .to_uppercase();
        match configuration.setting(&["profile", name, key], &variable, context) {
            Some(Setting::Variable(value)) => {
                let plain = value.parse::<bool>().is_ok() || value.parse::<i64>().is_ok();
                Some(if plain {
                    value.to_owned()
                } else {
                    format!("{value:?}")
                })
            }
            Some(Setting::Written(_, value)) => Some(value.to_string()),
            None => in_manifest(name, key).map(|value| value.to_string()),
        }
    };
    let found = OVERRIDES.iter().filter_map(|set| {
        let value = chain.iter().find_map(|name| value(name, set.key))?;
        Some((set.key, value))
    });
    found.collect()
}
