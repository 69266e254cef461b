//! Where and with what environment we were called: given as a value, so that nothing below reads the process's own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::PlanError;

/// The directory, the environment and the executable of this call of `cargo kt`.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The current directory.
    pub directory: Utf8PathBuf,
    pub environment: BTreeMap<OsString, OsString>,
    /// The multi-call executable that cargo calls back as rustc's wrapper.
    pub executable: Utf8PathBuf,
}

/// What `cargo run` sets for the program that it runs: noise when `cargo kt` itself is run through an alias.
const SET_BY_CARGO_RUN: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

impl Surroundings {
    /// Those of this process.
    ///
    /// # Errors
    /// When the current directory or the executable cannot be named in UTF-8.
    pub fn current() -> Result<Self, PlanError> {
        let utf8 = |what, path: std::io::Result<std::path::PathBuf>| {
            let path = path.map_err(|source| PlanError::Surroundings { what, source })?;
            Utf8PathBuf::from_path_buf(path).map_err(|path| PlanError::NotUtf8 { path })
        };
        let environment = std::env::vars_os()
            .filter(|(name, _)| {
                let name = name.to_string_lossy();
                !name.starts_with("CARGO_PKG_") && !SET_BY_CARGO_RUN.contains(&&*name)
            })
            .collect();
        Ok(Self {
            directory: utf8("the current directory", std::env::current_dir())?,
            environment,
            executable: utf8("the path of this executable", std::env::current_exe())?,
        })
    }

    /// A variable of the environment, if set and UTF-8.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
    }

    /// A command that starts in this directory with this environment and no other.
    pub fn command(&self, program: &Utf8Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.directory);
        command
    }

    /// cargo as the caller found it, or the one in `PATH`.
    pub fn cargo(&self) -> &Utf8Path {
        Utf8Path::new(
            self.variable("CARGO")
                .filter(|path| !path.is_empty())
                .unwrap_or("cargo"),
        )
    }

    /// cargo's home, where its global configuration lies.
    pub(crate) fn cargo_home(&self) -> Option<Utf8PathBuf> {
        match self.variable("CARGO_HOME").filter(|home| !home.is_empty()) {
            Some(home) => Some(self.directory.join(home)),
            None => Some(Utf8Path::new(self.variable("HOME")?).join(".cargo")),
        }
    }
}
