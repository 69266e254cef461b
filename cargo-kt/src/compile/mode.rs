//! Whether a bin or example is compiled as an rlib or as an executable.
//!
//! An executable that rustc linked cannot be linked into a shared object. So a program with items
//! of kt is compiled as an rlib, with a hard link where cargo expects the executable. A program
//! without them stays an executable, with a linker that only records its arguments. The previous
//! mode is tried first and checked by the symbol `kt:main`.

use std::process::ExitStatus;

use camino::Utf8PathBuf;

use super::compilation::{Attempt, Compilation, CompilationError, Made};
use super::record::Mode;
use super::types::Types;
use super::unit::with_crate_types;
use super::{file, linker, symbols};
use crate::artifacts::LinkLine;

impl Compilation<'_> {
    /// Compiles a program in its previous mode, and in the other mode if that proves wrong.
    ///
    /// Compiled as an rlib, a program without items of kt does not use `main` and warns about dead
    /// code. So only the messages of the final mode are printed, or those of the executable if both
    /// were tried.
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
                // A lint such as `#![deny(dead_code)]` may fail only because this is not an
                // executable.
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
            self.file("link", &executable, |executable| {
                file::link(&self.unit.rlib(), executable)
            })?;
        }
        Ok(attempt)
    }

    fn as_executable(
        &self,
        types: &Types<'_>,
    ) -> Result<(Attempt, Option<LinkLine>), CompilationError> {
        let destination = self.records.link_directory(&self.key());
        let staging = Utf8PathBuf::from(format!("{destination}.new"));
        if !(self.before_linking)() {
            return Err(CompilationError::Upstream);
        }
        // cargo's own arguments, which name rlibs and not metadata.
        let mut arguments = self.invocation.arguments[1..].to_vec();
        // The last `-C linker` wins, so this also replaces the user's.
        arguments.extend([
            "-C".to_owned(),
            format!("linker={}", self.records.links().join(linker::NAME)),
        ]);
        self.file("remove", &staging, |staging| {
            file::absent_is_fine(std::fs::remove_dir_all(staging))
        })?;
        // It may be a hard link to the previous rlib, which must not be overwritten.
        let executable = self.unit.executable();
        self.file("remove", &executable, |executable| {
            file::absent_is_fine(std::fs::remove_file(executable))
        })?;
        let attempt = self.attempt(types, &arguments, Some(&staging))?;
        if !attempt.status.success() {
            return Ok((attempt, None));
        }
        let line = self.file("read the link line in", &staging, |staging| {
            linker::adopt(staging, &destination)
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
    /// Whether an error of this run is a lint and not a code such as E0425. Another crate type may
    /// not trigger the lint.
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

/// Whether this is the lint on a crate's name. rustc requires snake case for libraries only.
fn is_about_crate_name(line: &str) -> bool {
    line.contains("non_snake_case")
        && line.contains("should have a snake case name")
        && line.contains("\"message\":\"crate `")
}
