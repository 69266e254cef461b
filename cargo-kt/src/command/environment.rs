//! Which environment the program and its remote functions see, and what is said where it is not the one of this run.
//!
//! A worker is started with the environment of the run that started its service, with what `cargo run` sets, and with what
//! was asked for (`env` of the options, `[env]` of cargo's configuration). What was asked for is applied: a change of it
//! needs a new worker. Any other variable and the working directory stay as they were; a run where they differ says so once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    io::Write as _,
    path::PathBuf,
};

use kt::wire::manifest::Environment;

use crate::{
    build::Built,
    config::Config,
    place::{Connected, Dirs, PlaceName, local},
    plan::Surroundings,
    terminal::Terminal,
};

/// Of the shell, the terminal and the session, and of tools that call each other: they differ from one terminal to the next.
const NOISE: &[&str] = &[
    "_",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "GPG_TTY",
    "HISTFILE",
    "HISTSIZE",
    "HOSTNAME",
    "INSIDE_EMACS",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LD_LIBRARY_PATH",
    "LESSOPEN",
    "LINES",
    "LS_COLORS",
    "OLDPWD",
    "PS1",
    "PS2",
    "PWD",
    "RUST_RECURSION_COUNT",
    "SHELL_SESSION_ID",
    "SHLVL",
    "STY",
    "SYSTEMD_EXEC_PID",
    "TERM",
    "TERMINFO",
    "TMUX",
    "TMUX_PANE",
    "TTY",
    "VTE_VERSION",
    "WAYLAND_DISPLAY",
    "WINDOW",
    "WINDOWID",
    "XAUTHORITY",
];
/// The same, by how a name begins. cargo's, rustc's and kt's own variables decide what is built and where it runs.
const NOISE_PREFIXES: &[&str] = &[
    "ALACRITTY_",
    "BASH_",
    "CARGO",
    "GIT_",
    "GNOME_",
    "ITERM_",
    "KITTY_",
    "KONSOLE_",
    "KT_",
    "LC_TERMINAL",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_",
    "SSH_",
    "STARSHIP_",
    "TERM_",
    "VSCODE_",
    "WEZTERM_",
    "WT_",
    "XDG_SESSION",
    "XDG_VTNR",
    "ZELLIJ",
];
/// Parts of names whose values are not shown.
const SECRET: &[&str] = &[
    "AUTH",
    "COOKIE",
    "CREDENTIAL",
    "DSN",
    "KEY",
    "PASS",
    "PRIVATE",
    "SECRET",
    "SIGNATURE",
    "TOKEN",
    "_URL",
    "_URI",
];
/// Longer values are cut.
const SHOWN: usize = 60;

/// What a worker of this program is started with.
pub(super) fn of_worker(
    options: &Config,
    built: &Built,
    surroundings: &Surroundings,
) -> Environment {
    let mut asked = built.plan.environment.configured(surroundings);
    asked.extend(options.service.env.clone());
    Environment {
        asked,
        cargo: of_cargo(built),
    }
}

/// The caller's environment, and what `cargo run` sets for its program.
pub(super) fn of_driver(surroundings: &Surroundings, built: &Built) -> Vec<(OsString, OsString)> {
    let configured = built.plan.environment.configured(surroundings);
    let set = of_cargo(built).into_iter().chain(configured);
    let set = set.map(|(name, value)| (name.into(), value.into()));
    let mut environment = surroundings.environment.clone();
    environment.extend(set);
    environment.into_iter().collect()
}

fn of_cargo(built: &Built) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<_, _> = built.compiled.script_environment.iter().cloned().collect();
    variables.extend(built.plan.environment.package.clone());
    variables
}

/// Says which variables, and which working directory, remote functions do not have as this run has them: once for each
/// difference, as long as the service lives.
pub(super) fn note(
    terminal: &Terminal,
    dirs: &Dirs,
    connected: &Connected,
    surroundings: &Surroundings,
    asked: &BTreeMap<String, String>,
) {
    if connected.place != PlaceName::Local || connected.started {
        return;
    }
    let pid = connected.status.host_pid;
    let Some((theirs, directory)) = local::environment_of(pid) else {
        return;
    };
    let theirs = relevant(&theirs, asked);
    let ours = relevant(&surroundings.environment, asked);
    let mut differences = changes(&theirs, &ours);
    let here = PathBuf::from(&surroundings.directory);
    if let Some(there) = directory.filter(|there| *there != here) {
        differences.push(format!(
            "working directory {} (here {})",
            there.display(),
            here.display()
        ));
    }
    let service = &connected.service;
    if differences.is_empty() || !is_new(dirs, service, pid, &differences) {
        return;
    }
    let first = ours
        .iter()
        .find(|(name, value)| theirs.get(*name) != Some(value));
    let apply = match first {
        Some((name, _)) => format!("`--env {name}=VALUE` gives a variable to them, "),
        None => String::new(),
    };
    terminal.note(format_args!(
        "remote functions have the environment that {service} was started with: {}\nhelp: {apply}`cargo kt down {service}` ends \
         the service, and the next run starts it with its own environment",
        differences.join(", ")
    ));
}

/// What differs from one environment to another, with the values that may be shown.
pub(super) fn changes(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<String> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    differing
        .map(|name| match (old.get(name), new.get(name)) {
            (Some(_), Some(_)) if is_secret(name) => format!("{name} has another value here"),
            (Some(old), Some(new)) => format!("{name}={} (here {})", shown(old), shown(new)),
            (None, Some(_)) if is_secret(name) => format!("no {name} (set here)"),
            (None, Some(new)) => format!("no {name} (here {})", shown(new)),
            (Some(_), None) if is_secret(name) => format!("{name} (not set here)"),
            (Some(old), None) => format!("{name}={} (not set here)", shown(old)),
            (None, None) => String::new(),
        })
        .collect()
}

fn relevant(
    environment: &BTreeMap<OsString, OsString>,
    asked: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    environment
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| !is_noise(name) && !asked.contains_key(name))
        .collect()
}

fn is_noise(name: &str) -> bool {
    NOISE.contains(&name) || NOISE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// Whether these differences were not reported yet; remembers them. Without a file to remember them in they are reported again.
fn is_new(dirs: &Dirs, service: &str, pid: u32, differences: &[String]) -> bool {
    let path = dirs.service(service).join("differences");
    let text = format!("{pid} {}", differences.join(", "));
    let line = blake3::hash(text.as_bytes()).to_hex();
    let noted = std::fs::read_to_string(&path).unwrap_or_default();
    if noted.lines().any(|noted| noted == line.as_str()) {
        return false;
    }
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&path);
    let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn differences_name_the_variable_and_both_values_but_no_secret() {
        let old = variables(&[
            ("APP_MODE", "dev"),
            ("API_TOKEN", "a"),
            ("GONE", "1"),
            ("SAME", "x"),
        ]);
        let new = variables(&[
            ("APP_MODE", "prod"),
            ("API_TOKEN", "b"),
            ("RUST_LOG", "debug"),
            ("SAME", "x"),
        ]);
        assert_eq!(
            changes(&old, &new),
            [
                "API_TOKEN has another value here",
                "APP_MODE=dev (here prod)",
                "GONE=1 (not set here)",
                "no RUST_LOG (here debug)",
            ]
        );
    }

    #[test]
    fn two_terminals_are_alike() {
        let terminal = |number: &str| -> BTreeMap<OsString, OsString> {
            [
                "SHLVL",
                "TERM_SESSION_ID",
                "PWD",
                "SSH_TTY",
                "TMUX_PANE",
                "VSCODE_PID",
                "CARGO_PKG_NAME",
            ]
            .into_iter()
            .map(|name| (name.into(), number.into()))
            .chain([("APP_MODE".into(), "dev".into())])
            .collect()
        };
        let none = BTreeMap::new();
        assert_eq!(
            relevant(&terminal("1"), &none),
            relevant(&terminal("2"), &none)
        );
        assert_eq!(
            relevant(&terminal("1"), &none),
            variables(&[("APP_MODE", "dev")])
        );
    }
}
