use std::io;

use camino::Utf8PathBuf;

use super::Glibc;

/// Why nothing could be made for an older glibc.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlibcError {
    #[error(
        "zig is not there, which has the symbols of every glibc: looked for `zig` and `python3 -m ziglang` in PATH\n\
         help: `pip install ziglang`, or set KT_ZIG to the path of a zig"
    )]
    NoZig,
    #[error(
        "`{program}` is no zig that works: {words}\nhelp: `pip install --upgrade ziglang`, or set KT_ZIG to the path of another"
    )]
    NotZig { program: Utf8PathBuf, words: String },
    #[error(
        "zig has no glibc {glibc} for {target}: {words}\nhelp: choose another with `--glibc`, or an image with a newer one"
    )]
    Version {
        glibc: Glibc,
        target: String,
        words: String,
    },
    #[error("zig made no {file} for glibc {glibc}\nhelp: `pip install --upgrade ziglang`")]
    NoFile { file: &'static str, glibc: Glibc },
    #[error("kt links for an older glibc on x86_64 and aarch64 only, and not for {target}")]
    Target { target: String },
    #[error("failed to {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },
}

impl GlibcError {
    /// For `map_err`: which file it was and what was done with it.
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
