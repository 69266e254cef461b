//! The wrapper of every rustc invocation (RUSTC_WRAPPER). It adds `--cfg kt` where that has an
//! effect.
//!
//! Under plain cargo kt-runtime is small and runs every call in place. `cfg(kt)` enables
//! connections and the worker, with their dependencies. The wrapper adds it to two invocations:
//! cargo's query for the target's cfgs, by which cargo selects dependencies, and the compilation of
//! kt-runtime. A wrapper keeps the user's flags, whereas `RUSTFLAGS` would replace
//! `target.*.rustflags`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Wrappers, argfile};

/// The symbolic link's name.
pub(crate) const NAME: &str = "kt-cfg";
/// The directory of symbolic links that have the name of the user's wrapper.
const NAMED: &str = "kt-wrapper";

/// The symbolic link for this wrapper, below `directory`. Build scripts see it: the `cc` crate runs
/// C compilers through a wrapper that has the name of a known cache, such as `sccache`.
pub(crate) fn link(directory: &Utf8Path, wrappers: &Wrappers) -> Utf8PathBuf {
    match wrappers.every.as_ref().and_then(|it| it.file_name()) {
        Some(name) => directory.join(NAMED).join(name),
        None => directory.join(NAME),
    }
}

/// Whether this process was started through [`link`].
pub(crate) fn is_link(path: &Utf8Path) -> bool {
    let directory = path.parent().and_then(Utf8Path::file_name);
    path.file_name() == Some(NAME) || directory == Some(NAMED)
}

/// Runs `arguments`, which begin with the compiler or with kt's wrapper of workspace members, whose
/// file name is `member_wrapper`. `variable` reads the environment.
pub(crate) fn main(
    arguments: &[String],
    member_wrapper: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> ExitCode {
    let Some((program, rest)) = arguments.split_first() else {
        eprintln!("error: {NAME} is called by cargo, with a compiler and its arguments");
        return ExitCode::FAILURE;
    };
    let is_member = Utf8Path::new(program).file_name() == Some(member_wrapper);
    let mut command = match is_member {
        // It runs the user's wrappers itself.
        true => Command::new(program),
        false => Wrappers::passed().command(program),
    };
    command.args(rest);
    let here = Utf8Path::new("");
    // The compiler prints the error for a file that cannot be read.
    let all = argfile::expanded(rest, here).unwrap_or_default();
    if is_cfg_query(&all) || is_runtime(variable) {
        command.args(["--cfg", "kt"]);
    }
    let error = command.exec();
    let program = command.get_program().to_string_lossy();
    eprintln!("error: failed to run `{program}`: {error}");
    ExitCode::FAILURE
}

/// Whether cargo queries the cfgs of the target.
fn is_cfg_query(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "--print=cfg")
}

/// Whether this is the compilation of kt-runtime's library, by cargo's variables.
fn is_runtime(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, value: &str| variable(name).as_deref() == Some(value);
    is("CARGO_PKG_NAME", "kt-runtime") && is("CARGO_CRATE_NAME", "kt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cfg_query_and_the_library_of_kt_runtime_get_the_cfg() {
        let line = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert!(is_cfg_query(&line(
            "- --crate-name ___ --print=file-names --print=cfg"
        )));
        assert!(!is_cfg_query(&line("-vV")));
        let is_runtime = |package: &str, krate: &str| {
            is_runtime(|name| match name {
                "CARGO_PKG_NAME" => Some(package.to_owned()),
                "CARGO_CRATE_NAME" => Some(krate.to_owned()),
                _ => None,
            })
        };
        assert!(is_runtime("kt-runtime", "kt"));
        assert!(!is_runtime("kt", "kt"));
        assert!(!is_runtime("kt-runtime", "build_script_build"));
    }
}
