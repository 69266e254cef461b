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
    /// Package specifications whose own settings kt overrides too.
    pub packages: Vec<String>,
}

impl Profile {
    pub(super) fn of(settings: &ProfileSettings<'_>) -> Self {
        let name = settings.name;
        let directory = match name {
            "dev" | "test" => "debug",
            "bench" => "release",
            other => other,
        };
        Self {
            name: name.to_owned(),
            directory: directory.to_owned(),
            packages: settings.packages().into_keys().collect(),
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

/// The key that a table of one package may also set, and that would have precedence there.
const OF_PACKAGES: &str = "split-debuginfo";

/// The `--config` arguments that set the overrides. They have the highest precedence and, unlike
/// environment variables, do not reach build scripts. `packages` have their own [`OF_PACKAGES`].
pub(crate) fn overrides(profile: &str, packages: &[String]) -> impl Iterator<Item = String> {
    let value_of = |key: &str| OVERRIDES.iter().find(|set| set.key == key);
    let of_packages = value_of(OF_PACKAGES).into_iter().flat_map(move |set| {
        let of_one = move |package: &String| {
            let package = toml::Value::from(package.as_str());
            format!(
                "profile.{profile}.package.{package}.{}={}",
                set.key, set.value
            )
        };
        packages.iter().map(of_one)
    });
    OVERRIDES
        .iter()
        .map(move |set| format!("profile.{profile}.{}={}", set.key, set.value))
        .chain(of_packages)
}

/// Where the settings of a profile are written.
pub(super) struct ProfileSettings<'a> {
    name: &'a str,
    manifest: toml::Table,
    configuration: &'a Configuration,
    context: &'a CargoContext,
}

impl<'a> ProfileSettings<'a> {
    /// # Errors
    /// If the manifest of the workspace cannot be read.
    pub(super) fn read(
        name: &'a str,
        workspace_manifest: &Utf8Path,
        configuration: &'a Configuration,
        context: &'a CargoContext,
    ) -> Result<Self, PlanError> {
        let text =
            std::fs::read_to_string(workspace_manifest).map_err(|source| PlanError::Read {
                path: workspace_manifest.to_owned(),
                source,
            })?;
        let manifest = text.parse().map_err(|source| PlanError::Parse {
            path: workspace_manifest.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self {
            name,
            manifest,
            configuration,
            context,
        })
    }

    /// The user's settings that kt overrides.
    pub(super) fn replaced(&self) -> Vec<Notice> {
        let chain = self.chain();
        let of_profile = OVERRIDES.iter().filter_map(|set| {
            let found = chain.iter().find_map(|name| self.value(name, set.key))?;
            Some((set, set.key.to_owned(), found))
        });
        let of_packages = self.packages().into_iter().filter_map(|(package, found)| {
            let set = OVERRIDES.iter().find(|set| set.key == OF_PACKAGES)?;
            Some((set, format!("package.{package}.{}", set.key), found))
        });
        let all = of_profile.chain(of_packages);
        let differing =
            all.filter(|(set, _, found)| found != set.value && !set.same.contains(&found.as_str()));
        differing
            .map(|(set, key, found)| Notice::ProfileSetting {
                profile: self.name.to_owned(),
                key,
                found,
                used: set.value.to_owned(),
                why: set.why.to_owned(),
            })
            .collect()
    }

    /// The packages with their own value of [`OF_PACKAGES`], as they are written, and that value in
    /// TOML.
    pub(super) fn packages(&self) -> BTreeMap<String, String> {
        let mut packages = BTreeMap::new();
        for name in self.chain().iter().rev() {
            let configured = self.configuration.merged(&["profile", name, "package"]);
            let in_manifest = self.in_manifest(name, "package");
            for table in in_manifest.into_iter().chain(configured.as_ref()) {
                let table = table.as_table().into_iter().flatten();
                packages.extend(table.filter_map(|(package, settings)| {
                    let value = settings.get(OF_PACKAGES)?;
                    Some((package.clone(), value.to_string()))
                }));
            }
        }
        packages
    }

    /// The profile, and those that it inherits from.
    fn chain(&self) -> Vec<String> {
        let parent = |name: &str| match name {
            "dev" | "release" => None,
            "test" => Some("dev".to_owned()),
            "bench" => Some("release".to_owned()),
            _ => {
                let configured = self.configuration.get(&["profile", name, "inherits"]);
                let configured = configured.map(|(_, value)| value);
                let inherits = configured.or_else(|| self.in_manifest(name, "inherits"))?;
                inherits.as_str().map(str::to_owned)
            }
        };
        let mut chain = vec![self.name.to_owned()];
        // cargo rejects a manifest with a cycle. The bound only prevents an endless loop.
        while let Some(name) = chain
            .last()
            .and_then(|name| parent(name))
            .filter(|_| chain.len() < 16)
        {
            chain.push(name);
        }
        chain
    }

    fn in_manifest(&self, name: &str, key: &str) -> Option<&toml::Value> {
        self.manifest.get("profile")?.get(name)?.get(key)
    }

    /// The user's value of a key in one profile, in TOML. `--config` takes precedence over the
    /// environment, this over configuration files, and these over the manifest.
    fn value(&self, name: &str, key: &str) -> Option<String> {
        let variable = format!("CARGO_PROFILE_{name}_{key}")
            .replace('-', "_")
            .to_uppercase();
        let keys = ["profile", name, key];
        match self.configuration.setting(&keys, &variable, self.context) {
            Some(Setting::Variable(value)) => {
                let plain = value.parse::<bool>().is_ok() || value.parse::<i64>().is_ok();
                Some(if plain {
                    value.to_owned()
                } else {
                    format!("{value:?}")
                })
            }
            Some(Setting::Written(_, value)) => Some(value.to_string()),
            None => self.in_manifest(name, key).map(toml::Value::to_string),
        }
    }
}
