//! Options on the command line: `--inactivity-ttl 10m`.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value;

use super::{ConfigError, Kind, Layer, OPTIONS, ServiceOption, Written, value};

/// The typed values, by option.
#[derive(Debug, Clone, Default)]
pub struct Flags(Vec<(&'static str, Vec<String>)>);

impl Flags {
    /// Converts the flags to a layer.
    ///
    /// # Errors
    /// If a value is invalid.
    pub fn layer(&self) -> Result<Layer, ConfigError> {
        let mut layer = Layer::new();
        for (name, texts) in &self.0 {
            let Some(option) = OPTIONS.iter().find(|option| option.name == *name) else {
                continue;
            };
            let origin = format!("--{}", option.flag());
            let mut merged = Value::Null;
            for text in texts {
                let value = value::parse(option, text, &origin)?;
                match (&mut merged, value) {
                    (Value::Object(all), Value::Object(more)) => all.extend(more),
                    (Value::Array(all), Value::Array(more)) => all.extend(more),
                    (merged, value) => *merged = value,
                }
            }
            layer.push(Written {
                name: option.name.to_owned(),
                value: merged,
                origin,
            });
        }
        Ok(layer)
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(OPTIONS.iter().map(|option| {
            let many = matches!(
                option.kind,
                Kind::Map | Kind::List | Kind::Objects | Kind::Object
            );
            let argument = Arg::new(option.name)
                .long(option.flag())
                .help(help(option))
                .help_heading(option.group.title());
            match option.kind {
                Kind::Switch => argument
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_name("BOOL"),
                kind => argument.value_name(placeholder(kind)).action(match many {
                    true => ArgAction::Append,
                    false => ArgAction::Set,
                }),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = OPTIONS.iter().filter_map(|option| {
            let texts = matches.get_many::<String>(option.name)?;
            Some((option.name, texts.cloned().collect()))
        });
        Ok(Self(typed.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The help text with the default in clap's format. clap itself must not know the default, or every
/// flag would count as set.
fn help(option: &ServiceOption) -> String {
    let mut help = option.help.to_owned();
    if let Kind::Choice(all) = option.kind {
        help = format!("{help} [possible values: {}]", all.join(", "));
    }
    match (option.kind, option.default) {
        (Kind::Map | Kind::List, _) => format!("{help}; may be repeated"),
        (Kind::Switch, _) | (_, "") => help,
        (_, default) => match option.local_default() {
            Some(local) => {
                format!("{help} [default: {local} locally, {default} in a cluster]")
            }
            None => format!("{help} [default: {default}]"),
        },
    }
}

fn placeholder(kind: Kind) -> &'static str {
    match kind {
        Kind::Choice(_) => "VALUE",
        Kind::Text | Kind::Label => "NAME",
        Kind::Path => "PATH",
        Kind::Quantity => "QUANTITY",
        Kind::Number(..) | Kind::Switch => "N",
        Kind::Duration => "DURATION",
        Kind::User => "UID",
        Kind::Version => "VERSION",
        Kind::Map => "NAME=VALUE",
        Kind::List => "NAME,…",
        Kind::Objects | Kind::Object => "YAML|@FILE",
    }
}
