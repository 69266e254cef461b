//! Reads cargo's configuration files, for notices and for the target directory. The search follows
//! <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>.

use camino::{Utf8Path, Utf8PathBuf};

use super::PlanError;
use crate::context::CargoContext;

/// Every directory where cargo searches for configuration, nearest first, whether or not it exists.
fn configuration_directories(context: &CargoContext) -> Vec<Utf8PathBuf> {
    let mut directories: Vec<Utf8PathBuf> = Vec::new();
    let homes = context.cargo_home().into_iter();
    for directory in context
        .directory
        .ancestors()
        .map(|ancestor| ancestor.join(".cargo"))
        .chain(homes)
    {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories
}

/// The files that exist, nearest first.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    files: Vec<(Utf8PathBuf, toml::Table)>,
    /// Every path that was searched, whether or not it exists.
    candidates: Vec<Utf8PathBuf>,
}

impl Configuration {
    /// Reads all configuration. Arguments of `--config`, settings or a file, precede all files.
    ///
    /// # Errors
    /// If a file exists but cannot be read or parsed. cargo would reject it too.
    pub(crate) fn read_with(typed: &[String], context: &CargoContext) -> Result<Self, PlanError> {
        let mut configuration = Self::default();
        // If two set the same key, the later wins.
        for typed in typed.iter().rev() {
            let here = &context.directory;
            let path = here.join(typed);
            match typed.parse::<toml::Table>() {
                Ok(table) if !path.is_file() => {
                    // Paths are relative to this directory, as if its `.cargo` had the settings.
                    let includes = included(&path, &table);
                    let pseudo_file = here.join(".cargo").join("--config");
                    configuration.files.push((pseudo_file, table));
                    for include in includes {
                        configuration.read_file(include)?;
                    }
                }
                _ => configuration.read_file(path)?,
            }
        }
        for directory in configuration_directories(context) {
            // cargo prefers the old name, and then ignores the other.
            let [old, new] = ["config", "config.toml"].map(|name| directory.join(name));
            let is_old = old.is_file();
            configuration.read_file(old)?;
            match is_old {
                true => configuration.candidates.push(new),
                false => configuration.read_file(new)?,
            }
        }
        Ok(configuration)
    }

    fn read_file(&mut self, path: Utf8PathBuf) -> Result<(), PlanError> {
        // cargo itself reports files that include each other.
        if self.candidates.contains(&path) {
            return Ok(());
        }
        self.candidates.push(path.clone());
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(());
            }
            Err(source) => return Err(PlanError::Read { path, source }),
        };
        let table: toml::Table = text.parse().map_err(|source| PlanError::Parse {
            path: path.clone(),
            source: Box::new(source),
        })?;
        let includes = included(&path, &table);
        self.files.push((path, table));
        for include in includes {
            self.read_file(include)?;
        }
        Ok(())
    }

    /// Every path where configuration was searched, whether or not it exists.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Utf8Path> {
        self.candidates.iter().map(Utf8PathBuf::as_path)
    }

    /// The keys of a table, in all files.
    pub(crate) fn keys<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        self.files
            .iter()
            .filter_map(move |(_, file)| file.get(table)?.as_table())
            .flat_map(|table| table.keys().map(String::as_str))
    }

    /// The files and their tables, nearest first.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&Utf8Path, &toml::Table)> {
        self.files
            .iter()
            .map(|(path, table)| (path.as_path(), table))
    }

    /// The value of a dotted key in the nearest file that has it, and that file.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<(&Utf8Path, &toml::Value)> {
        self.files.iter().find_map(|(path, table)| {
            let (first, rest) = keys.split_first()?;
            let value = rest
                .iter()
                .try_fold(table.get(*first)?, |value, key| value.get(key))?;
            Some((path.as_path(), value))
        })
    }

    /// The value of a path key, relative to the directory with `.cargo`.
    pub(crate) fn get_path(&self, keys: &[&str]) -> Option<Utf8PathBuf> {
        let (file, value) = self.get(keys)?;
        let base = file.parent().and_then(Utf8Path::parent)?;
        Some(base.join(value.as_str()?))
    }
}

/// The paths of `include`, relative to the including file; the last one, which precedes the others,
/// is first.
fn included(file: &Utf8Path, table: &toml::Table) -> Vec<Utf8PathBuf> {
    let base = file.parent().unwrap_or(Utf8Path::new("/"));
    let path_of = |value: &toml::Value| {
        let path = value
            .as_str()
            .or_else(|| value.get("path").and_then(toml::Value::as_str));
        path.map(|path| base.join(path))
    };
    match table.get("include") {
        Some(toml::Value::Array(values)) => values.iter().rev().filter_map(path_of).collect(),
        Some(value) => path_of(value).into_iter().collect(),
        None => Vec::new(),
    }
}
