//! The environment of the program and of its remote functions, and a note where it is not that of
//! this run.
//!
//! A worker starts with the environment of the run that started its service, with what `cargo run`
//! sets, and with what was requested (`env` of the options, `[env]` of cargo's configuration). A
//! change of the latter needs a new worker. Other variables and the working directory stay: a
//! process cannot change them while another one's threads read them. A run where they differ prints
//! a note once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    io::Write as _,
    path::PathBuf,
};

use kt::wire::{control::Swapped, manifest::Environment};

use crate::{
    compile::Built,
    config::{Config, PlaceKind},
    context::CargoContext,
    place::{Connected, Dirs, PlaceName, local},
    terminal::Terminal,
};

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Variables of the shell, the terminal and the login session: they differ between terminals.
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
    LIBRARY_PATH,
    "LESSOPEN",
    "LINES",
    "LS_COLORS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
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
/// Prefixes of such names. The variables of cargo, rustc and kt decide what is built and where it
/// runs.
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
/// Parts of names whose values are secret.
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
/// Longer values are truncated.
const SHOWN: usize = 60;

/// The environment that a worker of this program starts with.
pub(super) fn of_worker(options: &Config, built: &Built, context: &CargoContext) -> Environment {
    let mut cargo = of_cargo(built);
    // A pod has none of these directories, and its image may set the variable.
    if options.service.place == PlaceKind::Local {
        cargo.extend(library_path(context, built));
    }
    let mut asked = built.plan.environment.configured(context);
    // As in cargo, build scripts have precedence.
    asked.retain(|name, _| !cargo.contains_key(name));
    asked.extend(options.service.env.clone());
    Environment { asked, cargo }
}

/// The caller's environment, and what `cargo run` sets for its program.
pub(super) fn of_driver(context: &CargoContext, built: &Built) -> Vec<(OsString, OsString)> {
    let configured = built.plan.environment.configured(context);
    let set = configured.into_iter().chain(of_cargo(built));
    // Libraries for another kind of machine cannot be loaded here.
    let is_cross = built.plan.toolchain.is_cross();
    let set = set.chain(library_path(context, built).filter(|_| !is_cross));
    let set = set.map(|(name, value)| (name.into(), value.into()));
    let mut environment = context.environment.clone();
    environment.extend(set);
    environment.into_iter().collect()
}

/// `LD_LIBRARY_PATH` with the directories that cargo adds to the caller's, if there are any.
fn library_path(context: &CargoContext, built: &Built) -> Option<(String, String)> {
    let own = built.compiled.library_path();
    if own.is_empty() {
        return None;
    }
    let callers = context
        .variable(LIBRARY_PATH)
        .filter(|path| !path.is_empty());
    let all: Vec<_> = own
        .iter()
        .map(|path| path.as_str())
        .chain(callers)
        .collect();
    Some((LIBRARY_PATH.to_owned(), all.join(":")))
}

fn of_cargo(built: &Built) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<_, _> = built.compiled.script_environment.iter().cloned().collect();
    variables.extend(built.plan.environment.package.clone());
    variables
}

/// Reports variables, and a working directory, that remote functions do not have as this run has
/// them. Each difference is reported once for each worker or host.
pub(super) fn note(
    terminal: &Terminal,
    dirs: &Dirs,
    connected: &Connected,
    context: &CargoContext,
    now: (&Environment, &Swapped),
) {
    if connected.started {
        return;
    }
    let (environment, swapped) = now;
    let service = &connected.service;
    // A new worker has the environment of this run.
    let worker = connected.status.worker.as_ref();
    let worker = worker.filter(|worker| worker.id == swapped.worker);
    let worker = worker.map_or(environment, |worker| &worker.environment);
    let (started_in, directory) = match connected.place {
        PlaceName::Local => match local::environment_of(connected.status.host_pid) {
            Some(of_host) => of_host,
            None => return,
        },
        // A pod has none of the developer's variables.
        PlaceName::Kubernetes { .. } => Default::default(),
    };
    let here = match connected.place {
        PlaceName::Local => &context.environment,
        PlaceName::Kubernetes { .. } => &BTreeMap::new(),
    };
    let cargo: BTreeSet<&str> = names(&worker.cargo)
        .chain(names(&environment.cargo))
        .collect();
    let effective = |shell: &BTreeMap<OsString, OsString>, of: &Environment| {
        let mut variables = relevant(shell, &cargo);
        variables.extend(of.cargo.clone());
        variables.retain(|name, _| !environment.asked.contains_key(name));
        variables
    };
    let all = differences(
        &effective(&started_in, worker),
        &effective(here, environment),
        &environment.cargo,
    );
    let (of_cargo, mut of_shell): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|it| cargo.contains(&*it.name));
    of_shell.extend(other_directory(directory, context));

    let process = format!("worker {}", swapped.worker.instance);
    let of_cargo = unreported(dirs, service, &process, of_cargo);
    let process = format!("host {}", connected.status.host_pid);
    let of_shell = unreported(dirs, service, &process, of_shell);
    let all: Vec<_> = of_cargo
        .iter()
        .chain(&of_shell)
        .map(|it| &*it.text)
        .collect();
    if all.is_empty() {
        return;
    }
    terminal.note(format_args!(
        "remote functions have the environment that {service} was started with: {}\nhelp: {}`cargo kt down {service}` stops \
         the service, and the next run starts it with its own environment",
        all.join(", "),
        help(&of_cargo, &of_shell)
    ));
}

fn names(variables: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    variables.keys().map(String::as_str)
}

fn other_directory(there: Option<PathBuf>, context: &CargoContext) -> Option<Difference> {
    let here = PathBuf::from(&context.directory);
    let there = there.filter(|there| *there != here)?;
    let (there, here) = (there.display(), here.display());
    Some(Difference {
        name: String::new(),
        has_value: false,
        text: format!("working directory {there} (here {here})"),
    })
}

/// Help that does not stop the service.
fn help(of_cargo: &[Difference], of_shell: &[Difference]) -> String {
    let first = |all: &[Difference]| {
        let mut all = all.iter().filter(|it| it.has_value);
        all.next().map(|it| it.name.clone())
    };
    let compiled =
        first(of_cargo).map(|name| format!("`env!(\"{name}\")` is the value at compile time, "));
    let given =
        first(of_shell).map(|name| format!("`--env {name}=VALUE` sets a variable for them, "));
    compiled.into_iter().chain(given).collect()
}

/// A difference between two environments.
struct Difference {
    /// The name of the variable; empty for the working directory.
    name: String,
    /// Whether the variable is set in this run.
    has_value: bool,
    text: String,
}

/// How two environments differ, without secret values.
pub(super) fn changes(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<String> {
    let all = differences(old, new, &BTreeMap::new()).into_iter();
    all.map(|difference| difference.text).collect()
}

/// `cargo`: those of the new ones that `cargo run` sets.
fn differences(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    cargo: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let all: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differing = all
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    differing
        .map(|name| {
            let (old, new) = (old.get(name), new.get(name));
            // kt's build directory differs from that of `cargo run`.
            let text = match cargo.contains_key(name) && name != "OUT_DIR" {
                true => set_by_cargo(name, old, new),
                false => set_here(name, old, new),
            };
            Difference {
                name: name.clone(),
                has_value: new.is_some(),
                text,
            }
        })
        .collect()
}

fn set_here(name: &str, old: Option<&String>, new: Option<&String>) -> String {
    match (old, new) {
        (Some(_), Some(_)) if is_secret(name) => format!("{name} has another value here"),
        (Some(old), Some(new)) if shown(old) == shown(new) => {
            format!("{name} has another value here")
        }
        (Some(old), Some(new)) => format!("{name}={} (here {})", shown(old), shown(new)),
        (None, Some(_)) if is_secret(name) => format!("no {name} (set here)"),
        (None, Some(new)) => format!("no {name} (here {})", shown(new)),
        (Some(_), None) if is_secret(name) => format!("{name} (not set here)"),
        (Some(old), None) => format!("{name}={} (not set here)", shown(old)),
        (None, None) => String::new(),
    }
}

fn set_by_cargo(name: &str, old: Option<&String>, new: Option<&String>) -> String {
    let sets = match new {
        Some(new) if !is_secret(name) => shown(new),
        _ => "another value".to_owned(),
    };
    match old {
        None => format!("no {name} (`cargo run` sets {sets})"),
        Some(_) if is_secret(name) => format!("{name} (`cargo run` sets {sets})"),
        Some(old) => format!("{name}={} (`cargo run` sets {sets})", shown(old)),
    }
}

/// Variables without those that differ between terminals, unless `cargo run` sets them.
fn relevant(
    environment: &BTreeMap<OsString, OsString>,
    cargo: &BTreeSet<&str>,
) -> BTreeMap<String, String> {
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    environment
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| !is_noise(name) || cargo.contains(&**name))
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

/// The differences that were not reported for this process before, and records them. If the file
/// cannot be written, they are reported again.
fn unreported(
    dirs: &Dirs,
    service: &str,
    process: &str,
    differences: Vec<Difference>,
) -> Vec<Difference> {
    if differences.is_empty() {
        return differences;
    }
    let path = dirs.service(service).join("differences");
    let noted = std::fs::read_to_string(&path).unwrap_or_default();
    let line = |difference: &Difference| {
        let text = format!("{process} {}", difference.text);
        blake3::hash(text.as_bytes()).to_hex()
    };
    let is_new = |it: &Difference| !noted.lines().any(|noted| noted == line(it).as_str());
    let new: Vec<_> = differences.into_iter().filter(is_new).collect();
    let lines: String = new.iter().map(|it| format!("{}\n", line(it))).collect();
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&path);
    let _ = file.and_then(|mut file| file.write_all(lines.as_bytes()));
    new
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
    fn variables_of_cargo_run_are_distinguished_from_those_of_the_shell() {
        let old = variables(&[
            ("API_KEY", "1"),
            ("CARGO_PKG_VERSION", "0.1.0"),
            ("FLAVOR", "none"),
            ("GONE", "1"),
        ]);
        let cargo = variables(&[
            ("API_KEY", "2"),
            ("CARGO_PKG_VERSION", "0.3.0"),
            ("STAMP", "s1"),
        ]);
        let mut new = cargo.clone();
        new.insert("FLAVOR".into(), "rose".into());
        let all = differences(&old, &new, &cargo);
        let texts: Vec<_> = all.iter().map(|it| &*it.text).collect();
        assert_eq!(
            texts,
            [
                "API_KEY (`cargo run` sets another value)",
                "CARGO_PKG_VERSION=0.1.0 (`cargo run` sets 0.3.0)",
                "FLAVOR=none (here rose)",
                "GONE=1 (not set here)",
                "no STAMP (`cargo run` sets s1)",
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
        let none = BTreeSet::new();
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
