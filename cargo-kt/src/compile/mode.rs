//! Whether a bin or example is compiled as an rlib or as an executable.
//!
//! As rustc makes it, an executable cannot be linked into a shared object, so a program with items of kt is compiled as an
//! rlib, hard-linked to where cargo expects the executable. One without keeps its type, with a linker that only notes what
//! it was asked to do. What a program was the last time is tried first, and checked by the symbol `kt:main`.

use std::process::ExitStatus;

use camino::Utf8PathBuf;

use super::compile::{Attempt, Compilation, CompilationError, Made};
use super::record::Mode;
use super::types::Types;
use super::unit::with_crate_types;
use super::{file, linker, symbols};
use crate::artifacts::LinkLine;

impl Compilation<'_> {
    /// Compiles a program the way it was compiled the last time, and the other way where that turns out wrong.
    ///
    /// As an rlib a program without items of kt has no use for `main` and warns of dead code, so the messages that are shown
    /// are those of the way that is kept, or of the executable where both were tried.
    pub(super) fn program(
        &self,
        types: &Types<'_>,
        remembered: Option<Mode>,
        forward: &mut dyn FnMut(&str),
    ) -> Result<(ExitStatus, Made), CompilationError> {
        let mut show = |attempt: &Attempt| attempt.messages.iter().for_each(|line| forward(line));
        if remembered != Some(Mode::Executable) {
            let library = self.as_library(types, &[])?;
            let is_settled = if library.status.success() {
                self.rlib_has_main()?
            } else {
                // A lint such as `#![deny(dead_code)]` may fail only because this is no executable.
                !library.failed_by_a_lint()
            };
            if is_settled {
                show(&library);
                return Ok((library.status, Made::library()));
            }
        }
        let (executable, link_line) = self.as_executable(types)?;
        show(&executable);
        match link_line {
            Some(line) if self.objects_have_main(&line)? => {
                let library = self.as_library(types, &["--cap-lints=warn"])?;
                if !library.status.success() {
                    show(&library);
                }
                Ok((library.status, Made::library()))
            }
            link_line => Ok((
                executable.status,
                Made {
                    mode: Some(Mode::Executable),
                    link_line,
                },
            )),
        }
    }

    fn as_library(&self, types: &Types<'_>, more: &[&str]) -> Result<Attempt, CompilationError> {
        let mut arguments = with_crate_types(self.arguments, ["rlib"]);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let mut attempt = self.attempt(types, &arguments, None)?;
        if attempt.status.success() {
            attempt.messages.retain(|line| !is_about_crate_name(line));
            let executable = self.unit.executable();
            self.file("linking", &executable, |executable| {
                file::link(&self.unit.rlib(), executable)
            })?;
        }
        Ok(attempt)
    }

    fn as_executable(
        &self,
        types: &Types<'_>,
    ) -> Result<(Attempt, Option<LinkLine>), CompilationError> {
        let place = self.records.link_directory(&self.key());
        let staging = Utf8PathBuf::from(format!("{place}.new"));
        if !(self.before_linking)() {
            return Err(CompilationError::Upstream);
        }
        // With rlibs, as cargo gave them.
        let mut arguments = self.invocation.arguments[1..].to_vec();
        // The last one wins, so this also replaces a linker of the user's.
        arguments.extend([
            "-C".to_owned(),
            format!("linker={}", self.records.links().join(linker::NAME)),
        ]);
        self.file("removal", &staging, |staging| {
            file::absent_is_fine(std::fs::remove_dir_all(staging))
        })?;
        // It may be a second name of the rlib of last time, which must stay whole.
        let executable = self.unit.executable();
        self.file("removal", &executable, |executable| {
            file::absent_is_fine(std::fs::remove_file(executable))
        })?;
        let attempt = self.attempt(types, &arguments, Some(&staging))?;
        if !attempt.status.success() {
            return Ok((attempt, None));
        }
        let line = self.file("reading the link line", &staging, |staging| {
            linker::adopt(staging, &place)
        })?;
        Ok((attempt, Some(line)))
    }

    fn rlib_has_main(&self) -> Result<bool, CompilationError> {
        symbols::rlib_has_main(self.unit.rlib().as_std_path()).map_err(|detail| {
            CompilationError::Symbols {
                unit: self.unit.stem(),
                detail,
            }
        })
    }

    fn objects_have_main(&self, line: &LinkLine) -> Result<bool, CompilationError> {
        symbols::objects_have_main(line.objects.iter().map(|path| path.as_std_path())).map_err(
            |detail| CompilationError::Symbols {
                unit: self.unit.stem(),
                detail,
            },
        )
    }
}

impl Attempt {
    /// Whether an error of this run has the name of a lint, not a code such as E0425: another crate type may not have it.
    fn failed_by_a_lint(&self) -> bool {
        self.messages
            .iter()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .any(|message| {
                let code = message["code"]["code"].as_str();
                message["level"] == "error" && code.is_some_and(|code| !code.starts_with('E'))
            })
    }
}

/// rustc wants snake case of a library's name and says nothing about a program's.
fn is_about_crate_name(line: &str) -> bool {
    line.contains("non_snake_case")
        && line.contains("should have a snake case name")
        && line.contains("\"message\":\"crate `")
}
