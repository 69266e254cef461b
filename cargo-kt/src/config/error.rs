use std::path::PathBuf;

/// Why options do not make a service. Nothing was done because of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error(
        "there is no option `{name}` ({origin}){}\nhelp: `cargo kt run --help` lists all of them",
        nearest.as_ref().map(|it| format!(": did you mean `{it}`?")).unwrap_or_default()
    )]
    Unknown {
        name: String,
        origin: String,
        nearest: Option<String>,
    },
    #[error("`{name}` cannot be {value} ({origin}): it takes {takes}")]
    Value {
        name: &'static str,
        value: String,
        origin: String,
        /// What it takes, in words.
        takes: String,
    },
    #[error("`{name}` {why} ({origin})")]
    Together {
        name: &'static str,
        why: String,
        origin: String,
    },
    #[error("`#[kt::service]` {why} ({origin})")]
    Attribute { why: String, origin: String },
    #[error("failed to read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is no TOML: {source}", path.display())]
    Toml {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
}
