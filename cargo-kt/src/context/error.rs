//! Why the directory, the environment or the toolchain cannot be used.

use std::{io, path::PathBuf};

use super::InstallTarget;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    #[error("`{}` is not UTF-8, which cargo's messages require", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("failed to determine {what}")]
    Unavailable {
        what: &'static str,
        source: io::Error,
    },
    #[error("the toolchain has no standard library for `{target}`\nhelp: {install}")]
    TargetMissing {
        target: String,
        install: InstallTarget,
    },
}
