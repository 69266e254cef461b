//! Why there is no plan.

use std::fmt::Write as _;

use camino::Utf8PathBuf;

use crate::context::ContextError;

/// What was typed does not name one program that can be run here. Fits after "failed to plan: …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    #[error("could not find `Cargo.toml` in `{directory}` or any parent directory")]
    NotAProject { directory: Utf8PathBuf },
    #[error("cargo was not found: install Rust from https://rustup.rs, or put `{cargo}` into PATH")]
    CargoMissing { cargo: Utf8PathBuf },
    #[error("rustc was not found: install Rust from https://rustup.rs, or put `{rustc}` into PATH")]
    RustcMissing { rustc: Utf8PathBuf },
    /// cargo has said why on standard error.
    #[error("`cargo metadata` failed")]
    Metadata { code: i32 },
    #[error("the output of `{command}` could not be read: {detail}")]
    Output {
        command: &'static str,
        detail: String,
    },
    #[error("a bin target must be available for `cargo kt run`")]
    NoBinTarget,
    #[error(
        "`cargo kt run` could not determine which binary to run. Use the `--bin` option to specify a binary, \
         or the `default-run` manifest key.\navailable binaries: {}",
        available.join(", ")
    )]
    Ambiguous { available: Vec<String> },
    #[error(
        "`cargo kt run` can run at most one executable, but multiple were specified\nhelp: available targets:{}",
        lines(available)
    )]
    Multiple { available: Vec<String> },
    /// `hint` names what there is instead.
    #[error("no {kind} target named `{name}` in {within}{hint}")]
    ProgramNotFound {
        kind: &'static str,
        name: String,
        within: String,
        hint: String,
    },
    #[error("package(s) `{spec}` not found in workspace `{root}`{}", similar("package", nearest.as_deref()))]
    PackageNotFound {
        spec: String,
        root: Utf8PathBuf,
        nearest: Option<String>,
    },
    #[error("example target `{name}` is a library and cannot be executed")]
    ExampleIsLibrary { name: String },
    #[error(
        "package `{package}` does not depend on kt-runtime\nhelp: add it with `cargo add kt-runtime --package {package}`"
    )]
    RuntimeMissing { package: String },
    #[error(
        "package `{package}` uses kt-runtime {found}, and this is cargo-kt {ours}\nhelp: install the matching one with \
         `cargo install kt-cli --version {found}`, or use kt-runtime `={ours}`"
    )]
    RuntimeVersion {
        package: String,
        found: String,
        ours: &'static str,
    },
    #[error(
        "target `{target}` can run neither on this machine ({host}) nor in a pod of kt, which is x86_64 or aarch64 Linux with glibc\n\
         help: leave `--target` out, or use `--target {host}`"
    )]
    ForeignTarget { target: String, host: String },
    #[error(
        "a Rust toolchain for `{host}` is not supported: kt needs Linux with glibc (`*-unknown-linux-gnu`)"
    )]
    UnsupportedHost { host: String },
    #[error(
        "the toolchain has no `{path}`, and kt links with the toolchain's own linker\nhelp: use a toolchain from rustup, which \
         has it (`rustup toolchain install stable`); packages of distributions often lack it"
    )]
    NoLinker { path: Utf8PathBuf },
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("`{path}` could not be read")]
    Read {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}` could not be parsed")]
    Parse {
        path: Utf8PathBuf,
        source: Box<toml::de::Error>,
    },
}

impl PlanError {
    /// The exit status that cargo would give: 101.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Metadata { code } => u8::try_from(*code).unwrap_or(101),
            _ => 101,
        }
    }
}

fn lines(names: &[String]) -> String {
    names.iter().fold(String::new(), |mut text, name| {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n    {name}");
        text
    })
}

fn similar(what: &str, nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!("\n\nhelp: a {what} with a similar name exists: `{name}`"))
        .unwrap_or_default()
}

pub(super) fn hint(
    kind: &str,
    nearest: Option<&str>,
    elsewhere: Option<&str>,
    available: &[String],
) -> String {
    match (nearest, elsewhere) {
        (_, Some(package)) => {
            format!("\n\nhelp: it is in package `{package}`: add `--package {package}`")
        }
        (Some(_), None) => similar("target", nearest),
        (None, None) if available.is_empty() => String::new(),
        (None, None) => format!("\nhelp: available {kind} targets:{}", lines(available)),
    }
}
