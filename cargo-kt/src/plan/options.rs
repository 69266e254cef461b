//! The options on the command line, with cargo's names.

use camino::Utf8PathBuf;

/// The options of `cargo run` that affect the build. They are passed to cargo unchanged.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::Args,
)]
pub struct CargoOptions {
    /// Package with the program to run
    #[arg(short, long, value_name = "SPEC", help_heading = "Package Selection")]
    pub package: Option<String>,
    /// Name of the bin target to run
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Target Selection",
        conflicts_with = "example"
    )]
    pub bin: Option<String>,
    /// Name of the example target to run
    #[arg(long, value_name = "NAME", help_heading = "Target Selection")]
    pub example: Option<String>,
    /// Space or comma separated list of features to activate
    #[arg(
        short = 'F',
        long,
        value_name = "FEATURES",
        help_heading = "Feature Selection"
    )]
    pub features: Vec<String>,
    /// Activate all available features
    #[arg(long, help_heading = "Feature Selection")]
    pub all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long, help_heading = "Feature Selection")]
    pub no_default_features: bool,
    /// Build artifacts in release mode, with optimizations
    #[arg(
        short,
        long,
        help_heading = "Compilation Options",
        conflicts_with = "profile"
    )]
    pub release: bool,
    /// Build artifacts with the specified profile
    #[arg(
        long,
        value_name = "PROFILE-NAME",
        help_heading = "Compilation Options"
    )]
    pub profile: Option<String>,
    /// Build for the target triple
    #[arg(long, value_name = "TRIPLE", help_heading = "Compilation Options")]
    pub target: Option<String>,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY", help_heading = "Compilation Options")]
    pub target_dir: Option<Utf8PathBuf>,
    /// Number of parallel jobs, defaults to # of CPUs
    #[arg(
        short,
        long,
        value_name = "N",
        help_heading = "Compilation Options",
        allow_hyphen_values = true
    )]
    pub jobs: Option<String>,
    /// Do not abort the build as soon as there is an error
    #[arg(long, help_heading = "Compilation Options")]
    pub keep_going: bool,
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = "Manifest Options")]
    pub manifest_path: Option<Utf8PathBuf>,
    /// Assert that `Cargo.lock` will remain unchanged
    #[arg(long, help_heading = "Manifest Options")]
    pub locked: bool,
    /// Run without accessing the network
    #[arg(long, help_heading = "Manifest Options")]
    pub offline: bool,
    /// Equivalent to specifying both --locked and --offline
    #[arg(long, help_heading = "Manifest Options")]
    pub frozen: bool,
    /// Ignore `rust-version` specification in packages
    #[arg(long, help_heading = "Manifest Options")]
    pub ignore_rust_version: bool,
    /// Do not print cargo log messages
    #[arg(short, long)]
    pub quiet: bool,
    /// Use verbose output (-vv very verbose/build.rs output)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Coloring [possible values: auto, always, never]
    #[arg(long, value_name = "WHEN")]
    pub color: Option<String>,
    /// Error format [possible values: human, short, json, json-diagnostic-short, …]
    #[arg(long, value_name = "FMT")]
    pub message_format: Option<String>,
    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub config: Vec<String>,
    /// Unstable (nightly-only) flags to cargo
    #[arg(short = 'Z', value_name = "FLAG")]
    pub unstable: Vec<String>,
}

impl CargoOptions {
    /// The profile's name as cargo knows it.
    pub fn profile_name(&self) -> &str {
        match &self.profile {
            Some(name) => name,
            None if self.release => "release",
            None => "dev",
        }
    }

    /// Whether to print cargo's JSON messages to stdout.
    pub fn wants_json(&self) -> bool {
        self.message_format
            .as_deref()
            .is_some_and(|format| format.starts_with("json"))
    }

    /// The arguments that both `cargo metadata` and `cargo build` take.
    pub(crate) fn common_arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(path) = &self.manifest_path {
            arguments.extend(["--manifest-path".to_owned(), path.to_string()]);
        }
        for features in &self.features {
            arguments.extend(["--features".to_owned(), features.clone()]);
        }
        for (is_set, flag) in [
            (self.all_features, "--all-features"),
            (self.no_default_features, "--no-default-features"),
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
            (self.quiet, "--quiet"),
        ] {
            if is_set {
                arguments.push(flag.to_owned());
            }
        }
        arguments.extend((0..self.verbose).map(|_| "--verbose".to_owned()));
        if let Some(when) = &self.color {
            arguments.push(format!("--color={when}"));
        }
        for (flag, values) in [("--config", &self.config), ("-Z", &self.unstable)] {
            for value in values {
                arguments.extend([flag.to_owned(), value.clone()]);
            }
        }
        arguments
    }
}
