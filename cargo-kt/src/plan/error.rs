//! Why planning failed.

use std::fmt::Write as _;

use camino::Utf8PathBuf;

use crate::context::{ContextError, UnsupportedFlag};

/// The command line does not select one program that kt can run. Fits after "failed to plan: …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    #[error("could not find `Cargo.toml` in `{directory}` or any parent directory")]
    NotAProject { directory: Utf8PathBuf },
    #[error("`{cargo}` not found\nhelp: install Rust from https://rustup.rs, or add cargo to PATH")]
    CargoMissing { cargo: Utf8PathBuf },
    #[error("`{rustc}` not found\nhelp: install Rust from https://rustup.rs, or add rustc to PATH")]
    RustcMissing { rustc: Utf8PathBuf },
    /// cargo printed why to stderr.
    #[error("`cargo metadata` failed")]
    Metadata { code: i32 },
    #[error("failed to parse the output of `{command}`: {detail}")]
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
    /// `hint` lists the available targets.
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
        "package `{package}` uses kt-runtime {found}, but this is cargo-kt {ours}\nhelp: install the matching version with \
         `cargo install kt-cli --version {found}`, or use kt-runtime `={ours}`"
    )]
    RuntimeVersion {
        package: String,
        found: String,
        ours: &'static str,
    },
    #[error(
        "target `{target}` is not supported: it runs neither on this machine ({host}) nor in a pod, which is x86_64 or \
         aarch64 Linux with glibc\nhelp: remove `--target`, or use `--target {host}`"
    )]
    ForeignTarget { target: String, host: String },
    #[error(
        "the Rust toolchain for `{host}` is not supported: kt requires Linux with glibc (`*-unknown-linux-gnu`)"
    )]
    UnsupportedHost { host: String },
    #[error(
        "lld not found: kt links with it, and neither the Rust toolchain in {sysroot} nor PATH has one\n\
         help: install it: `apt-get install lld` on Debian and Ubuntu, `dnf install lld` on Fedora; toolchains from \
         rustup include it"
    )]
    NoLinker { sysroot: Utf8PathBuf },
    #[error("{0}")]
    UnsupportedFlag(UnsupportedFlag),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("failed to read `{path}`")]
    Read {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
    #[error("failed to parse `{path}`")]
    Parse {
        path: Utf8PathBuf,
        source: Box<toml::de::Error>,
    },
}

impl PlanError {
    /// The exit status, as that of cargo: 101.
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
    other_package: Option<&str>,
    available: &[String],
) -> String {
    match (nearest, other_package) {
        (_, Some(package)) => {
            format!("\n\nhelp: it is in package `{package}`: add `--package {package}`")
        }
        (Some(_), None) => similar("target", nearest),
        (None, None) if available.is_empty() => String::new(),
        (None, None) => format!("\nhelp: available {kind} targets:{}", lines(available)),
    }
}
