//! The directory and environment that `cargo kt` was started in, as a value: nothing below reads
//! those of the process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::ContextError;

/// The directory, the environment and the executable of this call of `cargo kt`.
#[derive(Debug, Clone)]
pub struct CargoContext {
    /// The current directory.
    pub directory: Utf8PathBuf,
    pub environment: BTreeMap<OsString, OsString>,
    /// The multi-call executable that cargo calls back as rustc's wrapper.
    pub executable: Utf8PathBuf,
}

/// What cargo sets for every program and every compilation, with all names that begin with
/// `CARGO_PKG_`: the shell's own values reach none of them.
const SET_BY_CARGO: &[&str] = &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];

/// What else `cargo run` may set for the program that it runs: noise when `cargo kt` itself is run
/// through an alias.
const SET_BY_CARGO_RUN: &[&str] = &[
    "CARGO_MANIFEST_LINKS",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

impl CargoContext {
    /// The context of this process.
    ///
    /// # Errors
    /// When the current directory or the executable cannot be named in UTF-8.
    pub fn current() -> Result<Self, ContextError> {
        let utf8 = |what, path: std::io::Result<std::path::PathBuf>| {
            let path = path.map_err(|source| ContextError::Unavailable { what, source })?;
            Utf8PathBuf::from_path_buf(path).map_err(|path| ContextError::NotUtf8 { path })
        };
        Ok(Self {
            directory: utf8("the current directory", std::env::current_dir())?,
            environment: without_cargo_run(std::env::vars_os()),
            executable: utf8("the path of this executable", std::env::current_exe())?,
        })
    }

    /// A variable of the environment, if set and UTF-8.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
    }

    /// Gives a command this environment and no other.
    pub fn apply(&self, command: &mut Command) {
        command.env_clear().envs(&self.environment);
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

/// The environment that `cargo run` was called with, if it is what called us: without what it sets
/// for its program.
fn without_cargo_run(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let mut environment: BTreeMap<OsString, OsString> = variables.collect();
    let ours = OsString::from(env!("CARGO_PKG_NAME"));
    let is_alias = environment.get(OsStr::new("CARGO_PKG_NAME")) == Some(&ours);
    if is_alias {
        // cargo puts the toolchain's and the build's own directories before what was there.
        let path = environment.remove(OsStr::new("LD_LIBRARY_PATH"));
        let kept: Vec<_> = path
            .iter()
            .flat_map(std::env::split_paths)
            .filter(|path| !Utf8Path::from_path(path).is_some_and(is_in_library_path_of_cargo))
            .filter(|path| {
                !path
                    .components()
                    .any(|part| part.as_os_str() == "toolchains" || part.as_os_str() == "rustlib")
            })
            .collect();
        if let Some(joined) = std::env::join_paths(&kept)
            .ok()
            .filter(|_| !kept.is_empty())
        {
            environment.insert("LD_LIBRARY_PATH".into(), joined);
        }
    }
    environment.retain(|name, _| {
        let name = name.to_string_lossy();
        let is_of_alias = is_alias && SET_BY_CARGO_RUN.contains(&&*name);
        !name.starts_with("CARGO_PKG_") && !SET_BY_CARGO.contains(&&*name) && !is_of_alias
    });
    environment
}

/// Whether cargo adds this directory to the library path of a program that it runs: a profile's
/// directory, or one below it.
fn is_in_library_path_of_cargo(path: &Utf8Path) -> bool {
    let by_kind = path.ends_with("deps") || path.ends_with("build") || path.join("deps").is_dir();
    let unit = path.parent().and_then(Utf8Path::file_name);
    let by_unit = path.file_name() == Some("out") && unit.is_some_and(is_hash)
        || path.join(".cargo-lock").is_file();
    by_kind || by_unit
}

/// Whether this is a hash as cargo has them in names of directories.
fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_alias_adds_is_taken_away_again() {
        let vars = |pairs: &[(&str, &str)]| -> BTreeMap<OsString, OsString> {
            pairs
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        };
        let libraries =
            "/src/kt/target/debug/deps:/home/a/.rustup/toolchains/stable/lib:/opt/cuda/lib";
        let alias = vars(&[
            ("CARGO_PKG_NAME", "kt-cli"),
            ("LD_LIBRARY_PATH", libraries),
            ("HOME", "/home/a"),
        ]);
        let clean = vars(&[("LD_LIBRARY_PATH", "/opt/cuda/lib"), ("HOME", "/home/a")]);
        assert_eq!(without_cargo_run(alias.into_iter()), clean);
        let by_unit = "/src/kt/target/debug/build/ring/0123456789abcdef/out:/opt/cuda/lib";
        let alias = vars(&[
            ("CARGO_PKG_NAME", "kt-cli"),
            ("LD_LIBRARY_PATH", by_unit),
            ("HOME", "/home/a"),
        ]);
        assert_eq!(without_cargo_run(alias.into_iter()), clean);

        let installed = vars(&[("LD_LIBRARY_PATH", libraries)]);
        assert_eq!(without_cargo_run(installed.clone().into_iter()), installed);
    }
}
