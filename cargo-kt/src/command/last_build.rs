//! How a service got its code: the command that was typed, to be able to build the same program again.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// A `cargo kt run` or `cargo kt build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastBuild {
    directory: PathBuf,
    /// The options, without the program's own arguments.
    options: Vec<OsString>,
}

impl LastBuild {
    /// The command that this process was started with. `program` of its last arguments are the program's.
    pub(super) fn current(program: usize) -> Option<Self> {
        // cargo-kt kt run …
        let typed: Vec<OsString> = std::env::args_os().skip(3).collect();
        Some(Self {
            directory: std::env::current_dir().ok()?,
            options: options(typed, program),
        })
    }

    /// That of a service.
    pub(super) fn of(warm: &Utf8Path, service: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(warm, service)).ok()?).ok()
    }

    /// Remembers it for a service. What cannot be written down is missing where it would have been a help.
    pub(super) fn remember(&self, warm: &Utf8Path, service: &str) {
        let path = path(warm, service);
        if Self::of(warm, service).as_ref() == Some(self) {
            return;
        }
        let text = serde_json::to_vec(self).unwrap_or_default();
        let folder = path.parent().unwrap_or(warm);
        let _ = fs::create_dir_all(folder).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, &text)?;
            file.persist(&path)?;
            Ok(())
        });
    }

    /// Builds the program again and gives it to its service.
    ///
    /// # Errors
    /// If this executable cannot be started.
    pub(super) fn again(&self) -> std::io::Result<ExitStatus> {
        Command::new(std::env::current_exe()?)
            .args(["kt", "build"])
            .args(&self.options)
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .status()
    }
}

fn options(mut typed: Vec<OsString>, program: usize) -> Vec<OsString> {
    typed.truncate(typed.len().saturating_sub(program));
    if typed.last().is_some_and(|last| last == "--") {
        typed.pop();
    }
    typed
}

fn path(warm: &Utf8Path, service: &str) -> Utf8PathBuf {
    warm.join("builds").join(format!("{service}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_arguments_are_no_options() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            options(words("--release -- set --release"), 2),
            words("--release")
        );
        assert_eq!(options(words("--bin app set name"), 2), words("--bin app"));
        assert_eq!(options(words("--bin app"), 0), words("--bin app"));
    }

    #[test]
    fn each_service_has_its_own() {
        let warm = tempfile::tempdir().unwrap();
        let warm = Utf8Path::from_path(warm.path()).unwrap();
        let build = |option: &str| LastBuild {
            directory: "/w".into(),
            options: vec![option.into()],
        };
        build("--release").remember(warm, "one");
        build("--bin=x").remember(warm, "two");
        build("--bin=y").remember(warm, "two");
        assert_eq!(LastBuild::of(warm, "one"), Some(build("--release")));
        assert_eq!(LastBuild::of(warm, "two"), Some(build("--bin=y")));
        assert_eq!(LastBuild::of(warm, "three"), None);
    }
}
