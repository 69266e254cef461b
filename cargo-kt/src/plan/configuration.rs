//! cargo's configuration files, as far as they touch us: for notices and for finding the target directory.
//!
//! Found as in <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>.

use camino::{Utf8Path, Utf8PathBuf};

use super::PlanError;
use crate::context::CargoContext;

/// Every place where cargo looks for configuration, nearest first, whether or not a file is there.
fn configuration_candidates(context: &CargoContext) -> Vec<Utf8PathBuf> {
    let mut candidates: Vec<Utf8PathBuf> = Vec::new();
    let homes = context.cargo_home().into_iter();
    for directory in context
        .directory
        .ancestors()
        .map(|ancestor| ancestor.join(".cargo"))
        .chain(homes)
    {
        for name in ["config", "config.toml"] {
            let path = directory.join(name);
            if !candidates.contains(&path) {
                candidates.push(path);
            }
        }
    }
    candidates
}

/// The files that exist, nearest first.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    files: Vec<(Utf8PathBuf, toml::Table)>,
    /// Where one was looked for, whether or not it is there.
    candidates: Vec<Utf8PathBuf>,
}

impl Configuration {
    /// What was typed after `--config`, settings or a file of them, comes before all files.
    ///
    /// # Errors
    /// When a file exists but cannot be read or parsed: cargo would refuse it too.
    pub(crate) fn read_with(typed: &[String], context: &CargoContext) -> Result<Self, PlanError> {
        let mut configuration = Self::default();
        // Of two that set the same, cargo takes the later.
        for typed in typed.iter().rev() {
            let here = &context.directory;
            let path = here.join(typed);
            match typed.parse::<toml::Table>() {
                Ok(table) if !path.is_file() => {
                    // Paths are relative to this directory, as if the settings stood in its `.cargo`.
                    let includes = included(&path, &table);
                    let nowhere = here.join(".cargo").join("--config");
                    configuration.files.push((nowhere, table));
                    for include in includes {
                        configuration.read_file(include)?;
                    }
                }
                _ => configuration.read_file(path)?,
            }
        }
        for path in configuration_candidates(context) {
            configuration.read_file(path)?;
        }
        Ok(configuration)
    }

    fn read_file(&mut self, path: Utf8PathBuf) -> Result<(), PlanError> {
        // cargo refuses a cycle of files that include each other.
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

    /// Where configuration was looked for, whether or not it is there.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Utf8Path> {
        self.candidates.iter().map(Utf8PathBuf::as_path)
    }

    /// The keys of a table, in whichever file.
    pub(crate) fn keys<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        self.files
            .iter()
            .filter_map(move |(_, file)| file.get(table)?.as_table())
            .flat_map(|table| table.keys().map(String::as_str))
    }

    /// The files with what they hold, nearest first.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&Utf8Path, &toml::Table)> {
        self.files
            .iter()
            .map(|(path, table)| (path.as_path(), table))
    }

    /// The value at a dotted key in the nearest file that has it, and that file.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<(&Utf8Path, &toml::Value)> {
        self.files.iter().find_map(|(path, table)| {
            let (first, rest) = keys.split_first()?;
            let value = rest
                .iter()
                .try_fold(table.get(*first)?, |value, key| value.get(key))?;
            Some((path.as_path(), value))
        })
    }

    /// The value of a path key, relative to the directory that holds `.cargo`.
    pub(crate) fn get_path(&self, keys: &[&str]) -> Option<Utf8PathBuf> {
        let (file, value) = self.get(keys)?;
        let base = file.parent().and_then(Utf8Path::parent)?;
        Some(base.join(value.as_str()?))
    }
}

/// Paths after `include`, relative to the including file.
fn included(file: &Utf8Path, table: &toml::Table) -> Vec<Utf8PathBuf> {
    let base = file.parent().unwrap_or(Utf8Path::new("/"));
    let path_of = |value: &toml::Value| {
        let path = value
            .as_str()
            .or_else(|| value.get("path").and_then(toml::Value::as_str));
        path.map(|path| base.join(path))
    };
    match table.get("include") {
        Some(toml::Value::Array(values)) => values.iter().filter_map(path_of).collect(),
        Some(value) => path_of(value).into_iter().collect(),
        None => Vec::new(),
    }
}
