//! The result of one check.

use serde::Serialize;

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) level: Level,
    pub(super) need: Need,
    /// What was found.
    pub(super) found: String,
    /// What to do.
    pub(super) help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    Ok,
    Warning,
    Error,
}

/// What needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Need {
    /// Services on this machine, and every build.
    Local,
    /// Services in a cluster.
    Kubernetes,
    /// Debuggers and profilers.
    Tools,
}

impl Check {
    pub(super) fn ok(need: Need, name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            level: Level::Ok,
            need,
            found: found.into(),
            help: None,
        }
    }

    pub(super) fn warning(
        need: Need,
        name: &'static str,
        found: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            help: Some(help.into()),
            ..Self::ok(need, name, found)
        }
    }

    pub(super) fn error(
        need: Need,
        name: &'static str,
        found: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Error,
            ..Self::warning(need, name, found, help)
        }
    }

    /// Converts an error of kt, whose help is part of its text.
    pub(super) fn failed(need: Need, name: &'static str, error: &dyn std::error::Error) -> Self {
        let text = error.to_string();
        match text.split_once("\nhelp: ") {
            Some((found, help)) => Self::error(need, name, found, help),
            None => Self {
                level: Level::Error,
                ..Self::ok(need, name, text)
            },
        }
    }

    /// The human-readable lines.
    pub(super) fn line(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let help = self.help.iter();
        let help: String = help
            .map(|help| format!("{:>9}help: {help}\n", ""))
            .collect();
        format!("{level:<8} {}: {}\n{help}", self.name, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_and_its_help_another() {
        let check = Check::error(Need::Local, "C compiler", "there is no `cc`", "install gcc");
        assert_eq!(
            check.line(),
            "error    C compiler: there is no `cc`\n         help: install gcc\n"
        );
        let error = std::io::Error::other("the cache is full\nhelp: free some");
        let check = Check::failed(Need::Local, "cache", &error);
        assert_eq!(
            (&*check.found, check.help.as_deref()),
            ("the cache is full", Some("free some"))
        );
    }
}
