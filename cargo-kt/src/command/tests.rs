use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory};

use super::Cargo;
use crate::config::OPTIONS;

const PLACE: &[&str] = &["place", "context", "namespace"];

/// Of the commands that build: cargo's own headings, and kt's.
const BUILD: &[(&str, &[&str])] = &[
    ("Package Selection", &["package"]),
    ("Target Selection", &["bin", "example"]),
    (
        "Feature Selection",
        &["features", "all-features", "no-default-features"],
    ),
    (
        "Compilation Options",
        &[
            "release",
            "profile",
            "target",
            "target-dir",
            "jobs",
            "keep-going",
        ],
    ),
    (
        "Manifest Options",
        &[
            "manifest-path",
            "locked",
            "offline",
            "frozen",
            "ignore-rust-version",
        ],
    ),
    (
        "State Options",
        &["keep-state", "reset-state", "state-timeout", "yes"],
    ),
    ("Service Options", &["dry-run"]),
    ("Pod Options (place kubernetes)", &["no-image-check"]),
];

const DEBUG: &[(&str, &[&str])] = &[
    ("Batch Options", &["command", "eval-command", "timeout"]),
    ("Editor Options", &["print-launch-json", "dap"]),
];

/// Where an option of a command belongs. `None` is clap's own heading, "Options".
fn heading(command: &Command, option: &str) -> Option<&'static str> {
    let builds = command
        .get_arguments()
        .any(|it| it.get_long() == Some("manifest-path"));
    let table = match command.get_name() {
        "debug" => DEBUG,
        _ if builds => BUILD,
        _ => &[],
    };
    if builds && let Some(service) = OPTIONS.iter().find(|it| it.flag() == option) {
        return Some(service.group.title());
    }
    if PLACE.contains(&option) {
        return Some("Place Options");
    }
    let found = table.iter().find(|(_, options)| options.contains(&option));
    found.map(|(heading, _)| *heading)
}

/// A command and its subcommands, each with its path.
fn walk(command: &Command, path: &str, visit: &mut dyn FnMut(&Command, &str)) {
    visit(command, path);
    for below in command.get_subcommands() {
        walk(below, &format!("{path} {}", below.get_name()), visit);
    }
}

#[test]
fn every_option_is_under_the_heading_where_it_belongs() {
    let mut cargo = Cargo::command();
    cargo.build();
    let mut wrong = Vec::new();
    walk(&cargo, "cargo", &mut |command, path| {
        let name = |it: &Arg| it.get_long().map(str::to_owned);
        for argument in command.get_arguments() {
            let (found, expected) = match name(argument) {
                Some(option) => (argument.get_help_heading(), heading(command, &option)),
                None => (argument.get_help_heading(), None),
            };
            if found != expected {
                wrong.push(format!(
                    "{path} {}: under {found:?}, not {expected:?}",
                    argument.get_id()
                ));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bash_completes_commands_and_options_for_the_binary_and_for_cargo() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("cargo-kt.bash");
    let completions = super::completions::script(clap_complete::Shell::Bash, Cargo::command());
    std::fs::write(&script, completions).unwrap();
    let complete = |typed: &str| {
        let run = r#"
            _cargo() { COMPREPLY=(of-cargo); }
            complete -F _cargo cargo
            source "$1"
            shift
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            spec=$(complete -p "$1")
            [[ $spec =~ -F\ ([^ ]+) ]]
            "${BASH_REMATCH[1]}" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"
        "#;
        let output = Process::new("bash")
            .args(["--norc", "-c", run, "bash"])
            .arg(&script)
            .args(typed.split('|'))
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("cargo-kt|k"), "kt");
    for called in ["cargo-kt", "cargo"] {
        assert_eq!(complete(&format!("{called}|kt|ru")), "run");
        assert_eq!(complete(&format!("{called}|kt|state|cl")), "clear");
        assert_eq!(
            complete(&format!("{called}|kt|run|--keep-s")),
            "--keep-state"
        );
        assert_eq!(complete(&format!("{called}|kt|ls|--place|k")), "kubernetes");
    }
    assert_eq!(complete("cargo|bu"), "of-cargo");
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    super::man::write(folder.path(), Cargo::command()).unwrap();
    let mut pages: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort_unstable();
    let mut expected = Vec::new();
    walk(&Cargo::command(), "cargo", &mut |command, path| {
        if path != "cargo" && !command.is_hide_set() {
            expected.push(format!("{}.1", path.replace(' ', "-")));
        }
    });
    expected.sort_unstable();
    assert_eq!(pages, expected);
}

#[test]
fn the_version_names_the_package() {
    let mut cargo = Cargo::command();
    cargo.build();
    let version = cargo.find_subcommand("kt").unwrap().render_version();
    let expected = concat!("cargo-kt ", env!("CARGO_PKG_VERSION"), " (kt-cli)\n");
    assert_eq!(version, expected);
}
