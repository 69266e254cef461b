//! The wrapper of every rustc invocation (RUSTC_WRAPPER). It adds `--cfg kt` where that has an
//! effect, and refuses flags with which kt cannot link a crate ([`flags`]).
//!
//! Under plain cargo kt-runtime is small and runs every call in place. `cfg(kt)` enables
//! connections and the worker, with their dependencies. The wrapper adds it to two invocations:
//! cargo's query for the target's cfgs, by which cargo selects dependencies, and the compilation of
//! kt-runtime. A wrapper keeps the user's flags, whereas `RUSTFLAGS` would replace
//! `target.*.rustflags`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use camino::Utf8Path;

use super::{Wrappers, argfile, flags};

/// The symbolic link's name.
pub(crate) const NAME: &str = "kt-cfg";
/// The file to which the arguments of cargo's query for the target's cfgs are written, as a JSON
/// array: they have the flags that cargo will pass to all crates of the target.
pub(crate) const QUERY: &str = "KT_CFG_QUERY";
/// The target of the program. With `-Z bindeps` cargo also compiles for others.
pub(crate) const TARGET: &str = "KT_TARGET";
/// cargo sets this variable for build scripts, and not for rustc.
pub(crate) const OF_BUILD_SCRIPTS: &str = "NUM_JOBS";

/// It adds every rlib, and the compiler itself, to the list of sources that rustc writes. kt
/// compares those files by itself, and not by content: they are large.
const BINARY_DEP_DEPINFO: &str = "-Zbinary-dep-depinfo";

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
    let kept = rest
        .iter()
        .filter(|argument| *argument != BINARY_DEP_DEPINFO);
    command.args(kept);
    let here = Utf8Path::new("");
    // The compiler prints the error for a file that cannot be read.
    let all = argfile::expanded(rest, here).unwrap_or_default();
    let is_query = is_cfg_query(&all);
    let is_for_target = variable(TARGET).is_some_and(|target| is_for(&all, &target));
    if let Some(file) = variable(QUERY).filter(|_| is_query && is_for_target) {
        // Without this file the compilations are checked, below.
        let _ = serde_json::to_vec(&all).map(|text| std::fs::write(file, text));
    }
    if is_for_target
        && is_of_cargo(&variable)
        && let Some(refused) = flags::unsupported(&all)
    {
        eprintln!("{}", diagnostic(&refused.to_string()));
        return ExitCode::FAILURE;
    }
    if is_for_target && flags::splits_debug_info(&all) {
        // As kt overrides the key of the profile: kt strips what it ships, and keeps the rest.
        command.arg("-Csplit-debuginfo=off");
    }
    if is_query || is_runtime(&variable) {
        command.args(["--cfg", "kt"]);
    }
    let error = command.exec();
    let program = command.get_program().to_string_lossy();
    eprintln!("error: failed to run `{program}`: {error}");
    ExitCode::FAILURE
}

/// Whether these arguments have this `--target`, as cargo writes it.
fn is_for(arguments: &[String], target: &str) -> bool {
    let mut pairs = arguments.iter().zip(arguments.iter().skip(1));
    pairs.any(|(flag, value)| flag == "--target" && value == target)
}

/// Whether cargo itself compiles a crate. A build script that calls cargo or rustc may compile
/// another program, which kt does not link.
fn is_of_cargo(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("CARGO_CRATE_NAME").is_some() && variable(OF_BUILD_SCRIPTS).is_none()
}

/// An error as rustc prints it for cargo.
fn diagnostic(message: &str) -> serde_json::Value {
    serde_json::json!({
        "$message_type": "diagnostic",
        "message": message,
        "code": null,
        "level": "error",
        "spans": [],
        "children": [],
        "rendered": format!("error: {message}\n\n"),
    })
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
