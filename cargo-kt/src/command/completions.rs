//! `cargo kt completions`: the completions of one shell, for `cargo-kt kt` and for `cargo kt`.
//!
//! clap generates those of the binary. cargo's own completions do not complete the subcommands of
//! other packages, so each shell gets a hook that passes `cargo kt …` on.

use std::process::ExitCode;

use clap_complete::Shell;

use super::{OutputArgs, print::print, start};

/// Passes all but `cargo kt` to the function that completed `cargo` before.
const BASH: &str = r#"
_cargo_kt_find_cargo() {
    local spec
    spec=$(complete -p cargo 2>/dev/null) || return 1
    [[ $spec =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _cargo_kt_dispatch ]] || return 1
    _cargo_kt_cargo=${BASH_REMATCH[1]}
}

_cargo_kt_dispatch() {
    if [[ ${COMP_WORDS[1]} == kt && $COMP_CWORD -gt 1 ]]; then
        _cargo_kt "$@"
        return
    fi
    # bash-completion loads the file of a command at its first completion.
    if [[ -z $_cargo_kt_cargo ]]; then
        complete -r cargo
        { _comp_load cargo || _completion_loader cargo; } >/dev/null 2>&1
        _cargo_kt_find_cargo
        complete -F _cargo_kt_dispatch -o bashdefault -o default cargo
    fi
    [[ -n $_cargo_kt_cargo ]] && "$_cargo_kt_cargo" "$@"
}

_cargo_kt_find_cargo
complete -F _cargo_kt_dispatch -o bashdefault -o default cargo
"#;

/// cargo's function calls `_cargo-kt` with the arguments from `kt` on.
const ZSH: &str = r#"_cargo-kt() {
    if [[ $words[1] == kt ]]; then
        words=(cargo-kt "${words[@]}")
        (( CURRENT++ ))
    fi
"#;

const FISH: &str = r#"
complete -c cargo -n "test (count (commandline -poc)) -ge 2; and test (commandline -poc)[2] = kt" -f -a "(complete -C (string join ' ' -- cargo-kt (string escape -- (commandline -poc)[2..-1]) (commandline -ct)))"
"#;

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn completions(args: CompletionsArgs, cargo: clap::Command) -> ExitCode {
    let script = script(args.shell, cargo);
    start(&OutputArgs::default().terminal(), async {
        print(&script).map(|()| ExitCode::SUCCESS)
    })
}

pub(super) fn script(shell: Shell, mut cargo: clap::Command) -> String {
    // For bash, clap_complete 4.6 names the states of `cargo-kt` in two ways, and completes no
    // subcommand: a hyphen in the name is `__` in one place and `__subcmd__` in another.
    let name = match shell {
        Shell::Bash => "cargo_kt",
        _ => "cargo-kt",
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cargo, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => script.replace(" cargo_kt\n", " cargo-kt\n") + BASH,
        Shell::Zsh => script.replacen("_cargo-kt() {\n", ZSH, 1),
        Shell::Fish => script.into_owned() + FISH,
        _ => script.into_owned(),
    }
}
