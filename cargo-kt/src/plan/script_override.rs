//! Build scripts that cargo does not run: `target.TRIPLE.LINKS` of its configuration has their
//! results (<https://doc.rust-lang.org/cargo/reference/build-scripts.html#overriding-build-scripts>).
//!
//! cargo passes them to rustc, and reports none of them.

use toml::Value;

use super::{Configuration, Packages};

/// The results of a build script that is not run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScriptOverride {
    /// Index in the plan's packages.
    pub package: usize,
    /// As cargo reports those of a script that it runs: `static=foo`, `dylib=ssl`, `foo`.
    pub libraries: Vec<String>,
    /// As cargo reports them: `native=/path`, `/path`.
    pub search_paths: Vec<String>,
    /// Names and values of `rustc-env`.
    pub variables: Vec<(String, String)>,
    /// Arguments for the linker of a bin or example.
    pub link_arguments: Vec<String>,
}

/// The overrides for packages with `links` on the target.
pub(super) fn all(
    packages: &Packages,
    target: &str,
    configuration: &Configuration,
) -> Vec<ScriptOverride> {
    let with_links = packages
        .iter()
        .enumerate()
        .filter_map(|(index, package)| Some((index, package.links.as_deref()?)));
    with_links
        .filter_map(|(package, links)| {
            let table = configuration.merged(&["target", target, links])?;
            Some(ScriptOverride {
                package,
                ..ScriptOverride::parse(table.as_table()?)
            })
        })
        .collect()
}

impl ScriptOverride {
    fn parse(table: &toml::Table) -> Self {
        let mut results = Self::default();
        for (key, value) in table {
            match key.as_str() {
                "rustc-link-lib" => results.libraries.extend(strings(value)),
                "rustc-link-search" => results.search_paths.extend(strings(value)),
                "rustc-flags" => results.add_flags(value.as_str().unwrap_or_default()),
                "rustc-link-arg" | "rustc-link-arg-bins" | "rustc-link-arg-examples" => {
                    results.link_arguments.extend(strings(value));
                }
                "rustc-env" => {
                    let variables = value.as_table().into_iter().flatten();
                    results
                        .variables
                        .extend(variables.filter_map(|(name, value)| {
                            Some((name.clone(), value.as_str()?.to_owned()))
                        }));
                }
                // Configuration of rustc, and metadata for the scripts of dependents.
                _ => {}
            }
        }
        results
    }

    /// Adds `-l` and `-L` flags, with their values attached or separate.
    fn add_flags(&mut self, flags: &str) {
        let mut parts = flags.split_whitespace();
        while let Some(part) = parts.next() {
            let (list, attached) = match (part.strip_prefix("-l"), part.strip_prefix("-L")) {
                (Some(name), _) => (&mut self.libraries, name),
                (None, Some(path)) => (&mut self.search_paths, path),
                // cargo rejects all others.
                (None, None) => continue,
            };
            let value = match attached {
                "" => parts.next(),
                attached => Some(attached),
            };
            list.extend(value.map(str::to_owned));
        }
    }
}

fn strings(value: &Value) -> impl Iterator<Item = String> {
    let values = value.as_array().into_iter().flatten();
    values.filter_map(|value| Some(value.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_an_override_are_parsed() {
        let text = r#"
            rustc-link-lib = ["dylib=ssl", "z"]
            rustc-link-search = ["native=/a"]
            rustc-flags = "-lstatic=c -L /b"
            rustc-link-arg-bins = ["-Wl,--x"]
            rustc-env = { NAME = "value" }
            rustc-cfg = ["fast"]
            root = "/opt"
        "#;
        let results = ScriptOverride::parse(&text.parse().unwrap());
        assert_eq!(results.libraries, ["static=c", "dylib=ssl", "z"]);
        assert_eq!(results.search_paths, ["/b", "native=/a"]);
        assert_eq!(results.link_arguments, ["-Wl,--x"]);
        assert_eq!(results.variables, [("NAME".to_owned(), "value".to_owned())]);
    }
}
