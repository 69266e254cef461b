//! The variables that `cargo run` sets for a program, in addition to its own environment.
//!
//! <https://doc.rust-lang.org/cargo/reference/config.html#env> and
//! <https://doc.rust-lang.org/cargo/reference/environment-variables.html>.

use std::{collections::BTreeMap, ffi::OsStr};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::Package;

use super::Configuration;
use crate::context::CargoContext;

/// Names in `[env]` that have no effect: cargo sets them for rustc, build scripts and programs.
const SET_BY_CARGO: [&str; 2] = ["CARGO", "LD_LIBRARY_PATH"];

/// The variables of a program from its package and from cargo's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProgramEnvironment {
    /// `CARGO_PKG_*` and `CARGO_MANIFEST_*`.
    pub package: BTreeMap<String, String>,
    /// `[env]`, by name.
    configured: BTreeMap<String, Configured>,
}

/// A variable of `[env]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Configured {
    value: String,
    /// It overrides the environment.
    force: bool,
}

impl ProgramEnvironment {
    pub(super) fn of(package: &Package, configuration: &Configuration) -> Self {
        Self {
            package: of_package(package),
            configured: configured(configuration),
        }
    }

    /// The variables of `[env]` that are in force where a program is started with `context`.
    pub fn configured(&self, context: &CargoContext) -> BTreeMap<String, String> {
        let is_set = |name: &str| context.environment.contains_key(OsStr::new(name));
        self.configured
            .iter()
            .filter(|(name, configured)| configured.force || !is_set(name))
            .filter(|(name, _)| !self.package.contains_key(*name))
            .map(|(name, configured)| (name.clone(), configured.value.clone()))
            .collect()
    }
}

fn of_package(package: &Package) -> BTreeMap<String, String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |value: &Option<Utf8PathBuf>| value.as_ref().map(ToString::to_string);
    let version = &package.version;
    let directory = package.manifest_path.parent().map(Utf8Path::to_string);
    let rust_version = package.rust_version.as_ref().map(ToString::to_string);
    let variables = [
        ("CARGO_MANIFEST_DIR", directory.unwrap_or_default()),
        ("CARGO_MANIFEST_PATH", package.manifest_path.to_string()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", text(&path(&package.license_file))),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_README", text(&path(&package.readme))),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_RUST_VERSION", text(&rust_version)),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
    ];
    let links = package.links.iter();
    let links = links.map(|links| ("CARGO_MANIFEST_LINKS", links.clone()));
    variables
        .into_iter()
        .chain(links)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `[env]` of all configuration files, without what cargo sets itself.
fn configured(configuration: &Configuration) -> BTreeMap<String, Configured> {
    let merged = configuration.merged(&["env"]);
    let entries = merged.as_ref().and_then(toml::Value::as_table);
    let entries = entries.into_iter().flatten();
    entries
        .filter(|(name, _)| !SET_BY_CARGO.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let base = configuration.base_of(&["env", name])?;
            Some((name.clone(), Configured::parse(value, base)?))
        })
        .collect()
}

impl Configured {
    /// Parses a string, or a table with `value`, `force` and `relative`.
    fn parse(written: &toml::Value, base: &Utf8Path) -> Option<Self> {
        let is = |key: &str| written.get(key).and_then(toml::Value::as_bool) == Some(true);
        let value = match written {
            toml::Value::String(value) => value,
            _ => written.get("value")?.as_str()?,
        };
        Some(Self {
            value: match is("relative") {
                true => base.join(value).to_string(),
                false => value.to_owned(),
            },
            force: is("force"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_arguments_and_their_includes_override_files() {
        let folder = tempfile::tempdir().unwrap();
        let here = Utf8Path::from_path(folder.path()).unwrap();
        let write = |path: &str, text: &str| {
            let path = here.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(".cargo/config.toml", "env.A = \"found\"\nenv.F = \"found\"");
        write(
            "typed/more.toml",
            "include = \"deep/most.toml\"\nenv.A = \"file\"\nenv.B = \"file\"\nenv.C = \"file\"",
        );
        write(
            "typed/deep/most.toml",
            "env.B = \"included\"\nenv.D = { value = \"x\", relative = true }",
        );
        let mut context = CargoContext::current().unwrap();
        context.directory = here.to_owned();
        let typed = ["typed/more.toml", "env.C = \"text\""].map(str::to_owned);
        let configuration = Configuration::read_with(&typed, &context).unwrap();
        let found = configured(&configuration);
        let value = |name: &str| found[name].value.as_str();
        assert_eq!(
            ["A", "B", "C", "F"].map(value),
            ["file", "file", "text", "found"]
        );
        assert_eq!(value("D"), here.join("typed/x"));
    }
}
