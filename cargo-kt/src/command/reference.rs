//! `docs/commands.md`, written from the command line's own definition.

use std::{collections::BTreeMap, fmt::Write};

use clap::{Arg, Command, CommandFactory};

use super::Cargo;
use crate::config::Group;

const BEGIN: &str = "<!-- commands -->\n";
const END: &str = "<!-- end of commands -->";

/// After a change of a command, `KT_WRITE_DOCS=1 cargo test -p kt-cli --lib commands_page` writes
/// the page again.
#[test]
fn the_commands_page_has_every_command_and_option() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();

    let mut cargo = Cargo::command();
    cargo.build();
    let kt = cargo.find_subcommand("kt").unwrap();
    let mut text = String::new();
    for command in shown(kt) {
        section(command, 2, &mut text);
    }
    let written = format!("{before}{BEGIN}{text}{END}{after}");
    if std::env::var_os("KT_WRITE_DOCS").is_some() {
        std::fs::write(path, &written).unwrap();
        return;
    }
    assert_eq!(
        page, written,
        "docs/commands.md is stale: KT_WRITE_DOCS=1 writes it"
    );
}

/// The subcommands that help texts list.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let all = command.get_subcommands();
    all.filter(|it| !it.is_hide_set() && it.get_name() != "help")
}

fn section(command: &Command, level: usize, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let _ = writeln!(text, "{} {name}\n\n{}\n", "#".repeat(level), prose(&about));
    let aliases: Vec<_> = command
        .get_visible_aliases()
        .map(|it| format!("`{it}`"))
        .collect();
    if !aliases.is_empty() {
        let _ = writeln!(text, "Alias: {}\n", aliases.join(", "));
    }
    let _ = writeln!(text, "```text\n{usage}\n```\n");
    options(command, text);
    for command in shown(command) {
        section(command, level + 1, text);
    }
}

/// One table for each heading of the help text. The service's options have a page of their own.
fn options(command: &Command, text: &mut String) {
    let services = [Group::Service, Group::Pod, Group::Cluster].map(Group::title);
    let mut tables = BTreeMap::<(usize, &str), String>::new();
    let mut order = Vec::new();
    let mut service = false;
    for argument in command.get_arguments() {
        if argument.is_hide_set() || matches!(argument.get_id().as_str(), "help" | "version") {
            continue;
        }
        let heading = argument
            .get_help_heading()
            .unwrap_or(match argument.is_positional() {
                true => "Arguments",
                false => "Options",
            });
        let documented = crate::config::OPTIONS
            .iter()
            .any(|it| it.name == argument.get_id().as_str());
        if documented && services.contains(&heading) {
            service = true;
            continue;
        }
        let place = order
            .iter()
            .position(|it| *it == heading)
            .unwrap_or_else(|| {
                order.push(heading);
                order.len() - 1
            });
        tables
            .entry((place, heading))
            .or_default()
            .push_str(&row(argument));
    }
    for ((_, heading), rows) in tables {
        let _ = writeln!(text, "| {} | |\n|---|---|\n{rows}", heading.to_lowercase());
    }
    if service {
        text.push_str("It also takes all [options of the service](options.md) as flags.\n\n");
    }
}

fn row(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let values: Vec<_> = values.iter().map(|it| it.as_str()).collect();
    let takes = argument.get_action().takes_values() && !values.is_empty();
    let mut names = Vec::new();
    names.extend(argument.get_short().map(|it| format!("-{it}")));
    names.extend(argument.get_long().map(|it| format!("--{it}")));
    let mut name = names.join(", ");
    if argument.is_positional() {
        name = values.join(" ");
    } else if takes {
        name = format!("{name} {}", values.join(" "));
    }
    let help = argument.get_long_help().or(argument.get_help());
    let mut help = prose(&help.map(ToString::to_string).unwrap_or_default());
    let possible = argument.get_possible_values();
    let possible: Vec<_> = possible
        .iter()
        .filter(|it| !it.is_hide_set())
        .map(|it| format!("`{}`", it.get_name()))
        .collect();
    if takes && !possible.is_empty() && !help.contains("possible values") {
        let _ = write!(help, " (values: {})", possible.join(", "));
    }
    let defaults = argument.get_default_values();
    if takes && !defaults.is_empty() && !argument.is_hide_default_value_set() {
        let defaults: Vec<_> = defaults
            .iter()
            .map(|it| format!("`{}`", it.display()))
            .collect();
        let _ = write!(help, " (default: {})", defaults.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(help, " (variable: `{}`)", variable.display());
    }
    format!("| `{}` | {help} |\n", name.replace('|', "\\|"))
}

/// A help text in Markdown: outside of code, nothing is a tag, and a table's cell has one line.
fn prose(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = text
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => part.replace('<', "&lt;").replace('|', "\\|"),
            _ => part.replace('|', "\\|"),
        });
    parts.collect::<Vec<_>>().join("`")
}
