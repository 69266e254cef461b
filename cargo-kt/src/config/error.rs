use std::path::PathBuf;

/// Why the options are invalid. Raised before anything else is done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error(
        "unknown option `{name}` ({origin}){}\nhelp: list all options with `cargo kt run --help`",
        nearest.as_ref().map(|it| format!(": did you mean `{it}`?")).unwrap_or_default()
    )]
    Unknown {
        name: String,
        origin: String,
        nearest: Option<String>,
    },
    #[error("invalid value {value} for `{name}` ({origin}): expected {expected}")]
    Value {
        name: &'static str,
        value: String,
        origin: String,
        /// A description of valid values.
        expected: String,
    },
    #[error("`{name}` {}", located(why, origin))]
    Conflict {
        name: &'static str,
        why: String,
        origin: String,
    },
    #[error("`#[kt::service]` {}", located(why, origin))]
    Attribute { why: String, origin: String },
    #[error("failed to read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not valid TOML: {source}", path.display())]
    Toml {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
}

/// Adds the origin to a reason, before its help line.
fn located(why: &str, origin: &str) -> String {
    match why.split_once("\nhelp: ") {
        Some((why, help)) => format!("{why} ({origin})\nhelp: {help}"),
        None => format!("{why} ({origin})"),
    }
}
