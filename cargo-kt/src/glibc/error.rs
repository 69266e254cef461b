use std::io;

use camino::Utf8PathBuf;

use super::Glibc;

/// Why a program could not be linked for an older glibc.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlibcError {
    #[error(
        "zig not found (needed to link for an older glibc): searched PATH for `zig` and `python3 -m ziglang`\n\
         help: `pip install ziglang`, or set KT_ZIG to the path of a zig"
    )]
    NoZig,
    #[error(
        "`{program}` is not a working zig: {stderr}\nhelp: run `pip install --upgrade ziglang`, or set `KT_ZIG` to the path of another"
    )]
    NotZig {
        program: Utf8PathBuf,
        stderr: String,
    },
    #[error(
        "zig does not have glibc {glibc} for {target}: {stderr}\nhelp: choose another with `--glibc`, or use an image with a newer one"
    )]
    Version {
        glibc: Glibc,
        target: String,
        stderr: String,
    },
    #[error("zig created no {file} for glibc {glibc}\nhelp: run `pip install --upgrade ziglang`")]
    NoFile { file: &'static str, glibc: Glibc },
    #[error("kt cannot link for an older glibc on {target}, only on x86_64 and aarch64")]
    Target { target: String },
    #[error("failed to {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl GlibcError {
    /// For `map_err`: attaches the file and what was done with it.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
