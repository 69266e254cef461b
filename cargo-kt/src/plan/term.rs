//! cargo's settings of the terminal (table `term`), for kt's own lines.

use super::{CargoOptions, Configuration, Setting};
use crate::context::CargoContext;

/// How much to print, and in which colors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Term {
    pub quiet: bool,
    pub verbose: bool,
    /// `auto`, `always` or `never`.
    pub color: Option<String>,
}

impl Term {
    /// The options that were typed, or else those of the configuration and its variables.
    /// Configuration that cannot be read has none: the plan reports it.
    pub fn of(options: &CargoOptions, context: &CargoContext) -> Self {
        let configuration = Configuration::read_with(&options.config, context).unwrap_or_default();
        let get = |key, variable| configuration.setting(&["term", key], variable, context);
        let is_set = |key, variable| match get(key, variable) {
            Some(Setting::Variable(value)) => value == "true",
            Some(Setting::Written(_, value)) => value.as_bool() == Some(true),
            None => false,
        };
        let color = || Some(get("color", "CARGO_TERM_COLOR")?.as_str()?.to_owned());
        let is_typed = options.quiet || options.verbose > 0;
        Self {
            quiet: options.quiet || !is_typed && is_set("quiet", "CARGO_TERM_QUIET"),
            verbose: options.verbose > 0 || !is_typed && is_set("verbose", "CARGO_TERM_VERBOSE"),
            color: options.color.clone().or_else(color),
        }
    }
}
