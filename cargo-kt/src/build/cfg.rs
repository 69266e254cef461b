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

/// The symbolic link's name.
pub(crate) const NAME: &str = "kt-cfg";

/// Runs `arguments`, which begin with the compiler or with the wrapper of workspace members.
pub(super) fn main(arguments: &[String], package: Option<&str>) -> ExitCode {
    let Some((program, rest)) = arguments.split_first() else {
        eprintln!("error: {NAME} is called by cargo, with a compiler and its arguments");
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(program);
    command.args(rest);
    if is_cfg_query(rest) || is_runtime(rest, package) {
        command.args(["--cfg", "kt"]);
    }
    let error = command.exec();
    eprintln!("error: failed to run `{program}`: {error}");
    ExitCode::FAILURE
}

/// Whether cargo queries the cfgs of the target.
fn is_cfg_query(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "--print=cfg")
}

fn is_runtime(arguments: &[String], package: Option<&str>) -> bool {
    let named = |pair: &[String]| pair == ["--crate-name", "kt"];
    package == Some("kt-runtime") && arguments.windows(2).any(named)
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
        let library = line("rustc --crate-name kt src/lib.rs");
        assert!(is_runtime(&library, Some("kt-runtime")));
        assert!(!is_runtime(&library, Some("kt")));
        assert!(!is_runtime(
            &line("rustc --crate-name build_script_build b.rs"),
            Some("kt-runtime")
        ));
    }
}
