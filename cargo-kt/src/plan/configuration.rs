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
    /// How many of them are from `--config`.
    typed: usize,
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
        configuration.typed = configuration.files.len();
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
        self.files
            .iter()
            .find_map(|(path, table)| Some((path.as_path(), in_table(table, keys)?)))
    }

    /// The value of a dotted key that the variable `name` also sets: `--config` precedes the
    /// variable, which precedes files.
    pub(crate) fn setting<'a>(
        &'a self,
        keys: &[&str],
        name: &str,
        context: &'a CargoContext,
    ) -> Option<Setting<'a>> {
        let written = self
            .files
            .iter()
            .enumerate()
            .find_map(|(index, (path, table))| {
                let value = in_table(table, keys)?;
                Some((index < self.typed, path.as_path(), value))
            });
        let variable = context.variable(name).map(Setting::Variable);
        let of_file = |(_, path, value)| Setting::Written(path, value);
        match written {
            Some((true, ..)) => written.map(of_file),
            _ => variable.or(written.map(of_file)),
        }
    }

    /// The value of a path key that the variable `name` also sets.
    pub(crate) fn setting_path(
        &self,
        keys: &[&str],
        name: &str,
        context: &CargoContext,
    ) -> Option<Utf8PathBuf> {
        match self.setting(keys, name, context)? {
            Setting::Variable(value) => Some(context.directory.join(value)),
            Setting::Written(file, value) => Some(base(file).join(value.as_str()?)),
        }
    }

    /// The value of a dotted key with the tables and arrays of all files merged, as cargo merges
    /// them: the nearest file wins, and its elements of an array are the last.
    pub(super) fn merged(&self, keys: &[&str]) -> Option<toml::Value> {
        let values = self.files.iter().rev();
        values
            .filter_map(|(_, table)| in_table(table, keys))
            .cloned()
            .reduce(merge)
    }

    /// The directory that paths in a table are relative to: that of the nearest file with the
    /// table. `--config` changes values of the table, and not where it is.
    pub(super) fn base_of(&self, keys: &[&str]) -> Option<&Utf8Path> {
        let (typed, files) = self.files.split_at(self.typed);
        let mut all = files.iter().chain(typed);
        let (file, _) = all.find(|(_, table)| in_table(table, keys).is_some())?;
        Some(base(file))
    }
}

/// A setting's value, and where it is set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Setting<'a> {
    Variable(&'a str),
    /// In this file.
    Written(&'a Utf8Path, &'a toml::Value),
}

impl<'a> Setting<'a> {
    pub(crate) fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Variable(value) => Some(value),
            Self::Written(_, value) => value.as_str(),
        }
    }
}

/// The directory that paths in a configuration file are relative to: the one with `.cargo`.
pub(super) fn base(file: &Utf8Path) -> &Utf8Path {
    let base = file.parent().and_then(Utf8Path::parent);
    base.unwrap_or(Utf8Path::new("/"))
}

fn in_table<'a>(table: &'a toml::Table, keys: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(key))
}

/// Merges the value of a nearer file into that of a farther one.
fn merge(farther: toml::Value, nearer: toml::Value) -> toml::Value {
    match (farther, nearer) {
        (toml::Value::Table(mut merged), toml::Value::Table(nearer)) => {
            for (key, value) in nearer {
                let value = match merged.remove(&key) {
                    Some(farther) => merge(farther, value),
                    None => value,
                };
                merged.insert(key, value);
            }
            toml::Value::Table(merged)
        }
        (toml::Value::Array(mut merged), toml::Value::Array(nearer)) => {
            merged.extend(nearer);
            toml::Value::Array(merged)
        }
        // cargo rejects a table or an array beside a value of another type.
        (_, nearer) => nearer,
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
