//! One rustc invocation, parsed from its arguments as cargo writes them
//! (`src/cargo/core/compiler/mod.rs` of cargo).

use camino::{Utf8Path, Utf8PathBuf};

use super::record::UnitKey;
use crate::artifacts::Invocation;

/// What a compilation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A library of the target graph.
    Library,
    /// A bin or example of the target graph.
    Program,
    /// A crate that kt does not link: it runs during the build (a build script, a proc macro, or a
    /// dependency of one), or is the artifact that another crate depends on (`-Z bindeps`).
    Host,
}

/// The parts of a compilation that kt uses.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) purpose: Purpose,
    pub(super) crate_name: String,
    pub(super) out_dir: Utf8PathBuf,
    /// `-C extra-filename`. Empty for crates that are also a cdylib: cargo passes none.
    pub(super) extra_filename: String,
    pub(super) crate_types: Vec<String>,
    /// `--emit` has `metadata`, so dependents may start before code generation is done.
    pub(super) emits_metadata: bool,
}

impl Unit {
    /// Parses rustc's arguments (without the compiler). `None` if cargo did not start a compilation
    /// with them: probes (`--print`, `-vV`, `--crate-name ___`), `--test`, and calls by build
    /// scripts.
    pub(super) fn parse(
        arguments: &[String],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let mut unit = Self {
            purpose: Purpose::Host,
            crate_name: String::new(),
            out_dir: Utf8PathBuf::new(),
            extra_filename: String::new(),
            crate_types: Vec::new(),
            emits_metadata: false,
        };
        let mut has_target = false;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
                _ => (argument.as_str(), None),
            };
            let takes_value = matches!(
                flag,
                "--crate-name"
                    | "--crate-type"
                    | "--out-dir"
                    | "--extern"
                    | "--emit"
                    | "--target"
                    | "-C"
                    | "--codegen"
            );
            let value = match (takes_value, inline) {
                (true, None) => rest.next()?.as_str(),
                (_, inline) => inline.unwrap_or_default(),
            };
            match flag {
                "--test" | "--print" | "-vV" | "--version" | "-V" => return None,
                "--crate-name" => unit.crate_name = value.to_owned(),
                "--crate-type" => unit.crate_types.extend(value.split(',').map(str::to_owned)),
                "--out-dir" => unit.out_dir = value.into(),
                "--target" => has_target = true,
                // The user's own flags may have another one.
                "--emit" => unit.emits_metadata |= value.split(',').any(|kind| kind == "metadata"),
                "-C" | "--codegen" => unit.codegen_option(value),
                _ => {
                    if let Some(option) = argument.strip_prefix("-C") {
                        unit.codegen_option(option);
                    }
                }
            }
        }
        // Build scripts probe the compiler through the same wrapper. Only compilations that cargo
        // starts have this variable.
        if unit.crate_name.is_empty()
            || environment("CARGO_CRATE_NAME").as_ref() != Some(&unit.crate_name)
        {
            return None;
        }
        let is = |crate_type: &str| unit.crate_types.iter().any(|found| found == crate_type);
        let is_artifact = is_artifact_dependency(&unit.out_dir);
        unit.purpose = match (has_target, is("bin")) {
            (false, _) => Purpose::Host,
            _ if is_artifact => Purpose::Host,
            (true, _) if is("proc-macro") => Purpose::Host,
            (true, true) => Purpose::Program,
            (true, false) => Purpose::Library,
        };
        Some(unit)
    }

    fn codegen_option(&mut self, option: &str) {
        if let Some(("extra-filename", value)) = option.split_once('=') {
            self.extra_filename = value.to_owned();
        }
    }

    /// The common part of all output names: `app-0123456789abcdef`.
    pub(super) fn stem(&self) -> String {
        format!("{}{}", self.crate_name, self.extra_filename)
    }

    /// The key of this compilation.
    pub(super) fn key(&self) -> UnitKey {
        UnitKey {
            out_dir: self.out_dir.clone(),
            stem: self.stem(),
        }
    }

    /// `lib….rlib`, whether or not this invocation writes one.
    pub(super) fn rlib(&self) -> Utf8PathBuf {
        self.out_dir.join(format!("lib{}.rlib", self.stem()))
    }

    /// `lib….rmeta`, whether or not this invocation writes one.
    pub(super) fn rmeta(&self) -> Utf8PathBuf {
        self.out_dir.join(format!("lib{}.rmeta", self.stem()))
    }

    /// The executable that cargo expects for a program.
    pub(super) fn executable(&self) -> Utf8PathBuf {
        self.out_dir.join(self.stem())
    }

    /// rustc's dep-info.
    pub(super) fn dep_info(&self) -> Utf8PathBuf {
        self.out_dir.join(format!("{}.d", self.stem()))
    }

    /// The outputs that cargo expects but kt does not use, and the crate types without them.
    /// Linking a cdylib takes longer than compiling the crate, and requires a C compiler.
    pub(super) fn unused_outputs(&self) -> Option<(Vec<Utf8PathBuf>, Vec<&str>)> {
        let (unused, kept): (Vec<&str>, Vec<&str>) = self
            .crate_types
            .iter()
            .map(String::as_str)
            .partition(|crate_type| matches!(*crate_type, "cdylib" | "staticlib"));
        let is_linkable = kept
            .iter()
            .any(|crate_type| matches!(*crate_type, "lib" | "rlib"));
        if self.purpose != Purpose::Library || unused.is_empty() || !is_linkable {
            return None;
        }
        let output = |crate_type: &str| {
            let extension = if crate_type == "cdylib" { "so" } else { "a" };
            self.out_dir.join(format!("lib{}.{extension}", self.stem()))
        };
        Some((unused.into_iter().map(output).collect(), kept))
    }

    /// The existing outputs that other compilations read.
    pub(super) fn artifacts(&self) -> Vec<Utf8PathBuf> {
        let candidates = match self.purpose {
            Purpose::Library => vec![self.rlib(), self.rmeta()],
            Purpose::Program => vec![self.executable()],
            Purpose::Host => {
                vec![
                    self.rlib(),
                    self.rmeta(),
                    self.executable(),
                    self.out_dir.join(format!("lib{}.so", self.stem())),
                ]
            }
        };
        candidates
            .into_iter()
            .filter(|path| path.as_std_path().exists())
            .collect()
    }
}

impl Invocation {
    /// Parses the invocation; see [`Unit::parse`].
    pub(super) fn unit(&self) -> Option<Unit> {
        let (_, arguments) = self.arguments.split_first()?;
        Unit::parse(arguments, |name| {
            let mut set = self.environment.iter();
            set.find(|(set, _)| set == name)
                .map(|(_, value)| value.clone())
        })
    }
}

impl Invocation {
    /// The arguments for the linker, from flags of the user's.
    pub(super) fn link_arguments(&self) -> Vec<String> {
        let arguments = self.arguments.iter();
        let flags = arguments.map(|argument| argument.strip_prefix("-C").unwrap_or(argument));
        let of_flag = |flag: &str| match flag.split_once('=') {
            Some(("link-arg", argument)) => vec![argument.to_owned()],
            Some(("link-args", all)) => all.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        flags.flat_map(of_flag).collect()
    }
}

/// Whether cargo compiles an artifact that another crate depends on: into
/// `…/artifact/<package>-<hash>/bin` (or `cdylib`, `staticlib`), in cargo's newer layout into
/// `…/artifact/bin`.
fn is_artifact_dependency(out_dir: &Utf8Path) -> bool {
    let mut above = out_dir.ancestors().skip(1).take(2);
    let is_kind = matches!(out_dir.file_name(), Some("bin" | "cdylib" | "staticlib"));
    is_kind && above.any(|directory| directory.file_name() == Some("artifact"))
}

/// The files after `--extern`. cargo writes it as a separate argument, with a path except for
/// crates of the sysroot.
pub(super) fn externs(arguments: &[String]) -> impl Iterator<Item = Utf8PathBuf> {
    let values = arguments
        .iter()
        .zip(arguments.iter().skip(1))
        .filter(|(flag, _)| *flag == "--extern");
    values.filter_map(|(_, value)| Some(value.split_once('=')?.1.into()))
}

/// Replaces the crate types.
pub(super) fn with_crate_types<'a>(
    arguments: &[String],
    crate_types: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut replaced = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--crate-type" {
            rest.next();
        } else if !argument.starts_with("--crate-type=") {
            replaced.push(argument.clone());
        }
    }
    for crate_type in crate_types {
        replaced.extend(["--crate-type".to_owned(), crate_type.to_owned()]);
    }
    replaced
}
