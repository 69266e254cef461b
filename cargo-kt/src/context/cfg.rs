//! The wrapper of every call that cargo makes of rustc (RUSTC_WRAPPER): it says `--cfg kt` where that has a meaning.
//!
//! kt-runtime is small in the builds of plain cargo, which make every call in place. Connections and the worker, and the
//! crates for them, are there under `cfg(kt)`. cargo learns of it where it asks rustc for the target's cfgs, by which it
//! chooses dependencies; kt-runtime learns of it where it is compiled. Nobody else does. A wrapper takes no flag of the user's away, as `RUSTFLAGS` would those of
//! `target.*.rustflags`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// The symbolic link's name.
pub(crate) const NAME: &str = "kt-cfg";

/// Calls the compiler, or the wrapper of workspace members, that `arguments` begin with.
pub(crate) fn main(arguments: &[String], package: Option<&str>) -> ExitCode {
    let Some((program, rest)) = arguments.split_first() else {
        eprintln!("{NAME} is called by cargo, with a compiler and its arguments");
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(program);
    command.args(rest);
    if is_question(rest) || is_runtime(rest, package) {
        command.args(["--cfg", "kt"]);
    }
    let error = command.exec();
    eprintln!("failed to run `{program}`: {error}");
    ExitCode::FAILURE
}

/// cargo's question about the target.
fn is_question(arguments: &[String]) -> bool {
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
    fn only_the_question_and_the_library_of_kt_runtime_are_told() {
        let line = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert!(is_question(&line(
            "- --crate-name ___ --print=file-names --print=cfg"
        )));
        assert!(!is_question(&line("-vV")));
        let library = line("rustc --crate-name kt src/lib.rs");
        assert!(is_runtime(&library, Some("kt-runtime")));
        assert!(!is_runtime(&library, Some("kt")));
        assert!(!is_runtime(
            &line("rustc --crate-name build_script_build b.rs"),
            Some("kt-runtime")
        ));
    }
}
