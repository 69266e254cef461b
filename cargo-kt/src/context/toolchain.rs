//! The Rust toolchain that a program is compiled and linked with.

use camino::Utf8PathBuf;

use super::{ContextError, InstallTarget, Wrappers};

/// The toolchain that compiled a program; anything linked with it must come from the same one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Toolchain {
    /// The real `rustc`, not rustup's proxy.
    pub rustc: Utf8PathBuf,
    /// `rustc --print sysroot`.
    pub sysroot: Utf8PathBuf,
    /// The target triple, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// The host triple.
    pub host: String,
    /// The linker, see [`find_lld`](super::find_lld).
    pub lld: Utf8PathBuf,
    /// All of `rustc -vV`, the identity of libstd and of every ABI.
    pub version: String,
    pub wrappers: Wrappers,
    /// The C compiler that is configured as the target's linker.
    pub compiler: Option<Utf8PathBuf>,
}

impl Toolchain {
    /// Whether the target is another kind of machine than this one.
    pub fn is_cross(&self) -> bool {
        self.target != self.host
    }

    /// Checks that the standard library of the target is installed.
    ///
    /// # Errors
    /// [`ContextError::TargetMissing`].
    pub fn check_target(&self) -> Result<(), ContextError> {
        let libraries = self.sysroot.join("lib/rustlib").join(&self.target);
        match libraries.join("lib").is_dir() {
            true => Ok(()),
            false => Err(ContextError::TargetMissing {
                target: self.target.clone(),
                install: InstallTarget::of(&self.sysroot, &self.target),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_rustup_was_not_asked_for_is_named_with_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        let sysroot = camino::Utf8Path::from_path(folder.path()).unwrap();
        let toolchain = Toolchain {
            rustc: "rustc".into(),
            sysroot: sysroot.to_owned(),
            target: "aarch64-unknown-linux-gnu".into(),
            host: "x86_64-unknown-linux-gnu".into(),
            lld: "rust-lld".into(),
            version: String::new(),
            wrappers: Wrappers::default(),
            compiler: None,
        };
        assert!(toolchain.is_cross());
        let error = toolchain.check_target().unwrap_err().to_string();
        assert!(
            error.contains("rustup target add aarch64-unknown-linux-gnu"),
            "{error}"
        );
        let libraries = sysroot.join("lib/rustlib/aarch64-unknown-linux-gnu/lib");
        std::fs::create_dir_all(libraries).unwrap();
        toolchain.check_target().unwrap();
    }
}
