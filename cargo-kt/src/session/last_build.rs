//! The last `cargo kt run` or `cargo kt build` of a service: its command line, to build the same
//! program again, and its kt directory.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{
    place::{Connected, Dirs},
    plan::{self, Plan},
};

/// A `cargo kt run` or `cargo kt build`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastBuild {
    directory: PathBuf,
    /// The options, without the program's own arguments.
    options: Vec<OsString>,
    workspace: String,
    /// kt's part of the target directory.
    #[serde(rename = "warm")]
    kt_dir: Utf8PathBuf,
}

impl LastBuild {
    /// The command that this process was started with. `program` of its last arguments are the
    /// program's.
    fn current(program: usize, connected: &Connected, kt_dir: &Utf8Path) -> Option<Self> {
        // cargo-kt kt run …
        let typed: Vec<OsString> = std::env::args_os().skip(3).collect();
        Some(Self {
            directory: std::env::current_dir().ok()?,
            options: options(typed, program),
            workspace: connected.status.workspace.clone(),
            kt_dir: kt_dir.to_owned(),
        })
    }

    /// That of a service, if it was done on this machine.
    pub(crate) fn of(connected: &Connected) -> Option<Self> {
        let build: Self = serde_json::from_slice(&fs::read(path(connected)?).ok()?).ok()?;
        // Another workspace may have had a service of this name.
        (build.workspace == connected.status.workspace).then_some(build)
    }

    /// Writes it down for a service. If that fails, `cargo kt debug` cannot build the program
    /// again.
    fn remember(&self, connected: &Connected) {
        let (Some(path), Ok(text)) = (path(connected), serde_json::to_vec(self)) else {
            return;
        };
        if Self::of(connected).as_ref() == Some(self) {
            return;
        }
        let folder = path.parent().unwrap_or(&path);
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
    pub(crate) fn again(&self) -> std::io::Result<ExitStatus> {
        Command::new(std::env::current_exe()?)
            .args(["kt", "build"])
            .args(&self.options)
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .status()
    }
}

/// Remembers the command line of this process for a service.
pub(super) fn remember(program_arguments: usize, connected: &Connected, plan: &Plan) {
    if let Some(build) = LastBuild::current(program_arguments, connected, &plan.kt_dir()) {
        build.remember(connected);
    }
}

fn options(mut typed: Vec<OsString>, program: usize) -> Vec<OsString> {
    typed.truncate(typed.len().saturating_sub(program));
    if typed.last().is_some_and(|last| last == "--") {
        typed.pop();
    }
    typed
}

/// A service has its name in its place alone.
fn path(connected: &Connected) -> Option<PathBuf> {
    let name = format!("{}@{}.json", connected.service, connected.place);
    let builds = Dirs::current().ok()?.cache.join("builds");
    Some(builds.join(name.replace('/', "_")))
}

/// Where kt keeps what it made for the workspace of a service.
pub(crate) fn kt_dir(connected: &Connected) -> Utf8PathBuf {
    let default = || {
        let workspace = Utf8Path::new(&connected.status.workspace);
        plan::kt_dir(&workspace.join("target"))
    };
    LastBuild::of(connected).map_or_else(default, |build| build.kt_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_arguments_are_no_options() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            options(arguments("--release -- set --release"), 2),
            arguments("--release")
        );
        assert_eq!(
            options(arguments("--bin app set name"), 2),
            arguments("--bin app")
        );
        assert_eq!(options(arguments("--bin app"), 0), arguments("--bin app"));
    }
}
