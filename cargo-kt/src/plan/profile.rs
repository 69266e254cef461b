//! The cargo profile: what we set in it, and which settings of the user's that replaces.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8Path;

use super::{Configuration, PlanError};
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

/// Something about the user's settings that they should hear once.
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
    /// The user's wrapper of rustc is left out.
    RustcWrapper { key: String, found: String },
    /// A program that cargo would start the program with.
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
                    "`build.target = \"{found}\"` is replaced by `{used}`: what kt builds for is said by `--target` alone"
                )
            }
            Self::RustcWrapper { key, found } => {
                write!(
                    formatter,
                    "`{key} = \"{found}\"` is left out: kt has to see every call of rustc itself"
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

/// One setting that we replace.
struct Override {
    key: &'static str,
    /// The value, in TOML.
    value: &'static str,
    /// Values of the user's that mean the same or do no harm, in TOML.
    same: &'static [&'static str],
    why: &'static str,
}

const OVERRIDES: &[Override] = &[
    Override {
        key: "panic",
        value: "\"unwind\"",
        same: &[],
        why: "a panic must not end the warm process",
    },
    Override {
        key: "lto",
        value: "\"off\"",
        same: &["false"],
        why: "crates are linked and replaced one by one",
    },
    Override {
        key: "debug",
        value: "\"line-tables-only\"",
        same: &["1"],
        why: "backtraces need no more, and rustc is twice as fast",
    },
    Override {
        key: "split-debuginfo",
        value: "\"off\"",
        same: &[],
        why: "kt strips what it ships and keeps the rest here",
    },
    Override {
        key: "strip",
        value: "\"none\"",
        same: &["false"],
        why: "kt strips what it ships and keeps the rest here",
    },
];

/// The `--config` arguments that set our values: of highest precedence, and not seen by build scripts as the environment is.
pub(crate) fn overrides(profile: &str) -> impl Iterator<Item = String> {
    OVERRIDES
        .iter()
        .map(move |set| format!("profile.{profile}.{}={}", set.key, set.value))
}

/// Which settings of the user's are replaced, for one profile.
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

/// The user's values of the keys in [`OVERRIDES`], in TOML: the environment over configuration files over the manifest,
/// and a profile over what it inherits from.
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
    // Names in a chain are distinct, or cargo refuses the manifest; the bound only keeps us from a loop.
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
        if let Some(value) = context.variable(&variable) {
            let plain = value.parse::<bool>().is_ok() || value.parse::<i64>().is_ok();
            return Some(if plain {
                value.to_owned()
            } else {
                format!("{value:?}")
            });
        }
        let configured = configuration
            .get(&["profile", name, key])
            .map(|(_, value)| value.clone());
        configured
            .or_else(|| in_manifest(name, key))
            .map(|value| value.to_string())
    };
    let found = OVERRIDES.iter().filter_map(|set| {
        let value = chain.iter().find_map(|name| value(name, set.key))?;
        Some((set.key, value))
    });
    found.collect()
}
