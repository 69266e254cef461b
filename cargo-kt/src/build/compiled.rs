//! What *build* hands to *link*: the rlibs of one program, sorted into base and hot crates.

use camino::Utf8PathBuf;

use crate::plan::PlanError;

/// The toolchain that compiled a program; anything linked with it must come from the same one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Toolchain {
    /// The real `rustc`, not rustup's proxy.
    pub rustc: Utf8PathBuf,
    /// `rustc --print sysroot`.
    pub sysroot: Utf8PathBuf,
    /// The target triple, such as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// The host triple, whose `rust-lld` is used.
    pub host: String,
    /// All of `rustc -vV`, the identity of libstd and of every ABI.
    pub version: String,
}

impl Toolchain {
    /// Whether what it compiles runs elsewhere only.
    pub fn is_cross(&self) -> bool {
        self.target != self.host
    }

    /// Whether it can compile for its target at all.
    ///
    /// # Errors
    /// If rustup has not been asked for the target.
    pub fn check_target(&self) -> Result<(), PlanError> {
        let libraries = self.sysroot.join("lib/rustlib").join(&self.target);
        match libraries.join("lib").is_dir() {
            true => Ok(()),
            false => Err(PlanError::TargetMissing {
                target: self.target.clone(),
            }),
        }
    }

    /// Where rustup's toolchains have `rust-lld`.
    pub fn linker(&self) -> Utf8PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin/rust-lld")
    }
}

/// Everything that one compilation of a program produced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Compiled {
    pub toolchain: Toolchain,
    /// The cargo profile's name: `dev`, `release`, or the user's own.
    pub profile: String,
    /// Third-party crates of the target graph, and kt-runtime with all it needs; sorted by package name, version and file name.
    pub base: Vec<BaseCrate>,
    /// Crates that a developer may edit (workspace members and path dependencies), dependencies first.
    pub hot: Vec<HotCrate>,
    /// What the build script of the program's package sets (`OUT_DIR`, `cargo::rustc-env`).
    pub script_environment: Vec<(String, String)>,
    /// C libraries that build scripts of the target graph asked for.
    pub native: NativeLibraries,
    pub program: CompiledProgram,
}

/// A crate of the base.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BaseCrate {
    pub package: String,
    pub version: String,
    pub rlib: Utf8PathBuf,
}

/// A crate that a developer may edit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HotCrate {
    pub package: String,
    pub version: String,
    /// As rustc knows it, with underscores.
    pub crate_name: String,
    pub rlib: Utf8PathBuf,
    /// Indices in [`Compiled::hot`] of every hot crate it depends on, transitively; each is lower than its own.
    pub dependencies: Vec<usize>,
    /// blake3 over the sources that rustc read (paths and contents), as they were when it was compiled.
    pub sources_hash: String,
    /// The files that rustc read.
    pub sources: Vec<Utf8PathBuf>,
    /// Variables that the code read with `env!` and `option_env!`, and their values then.
    pub variables: Vec<(String, Option<String>)>,
    /// How rustc was called, where it is known (members of the workspace).
    pub invocation: Option<super::Invocation>,
    /// The identity of its types, part of every `TypeId`; absent where the invocation is.
    pub types: Option<String>,
}

/// What build scripts printed for the linker.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NativeLibraries {
    /// As cargo reports them: `static=foo`, `dylib=ssl`, `foo`.
    pub libraries: Vec<String>,
    /// As cargo reports them: `native=/path`, `/path`.
    pub search_paths: Vec<String>,
}

/// The bin or example that is the driver.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CompiledProgram {
    /// It has items of kt: compiled as an rlib that exports `kt:main`, the last of [`Compiled::hot`].
    Library,
    /// It has none: rustc compiled it as an executable and this is what it asked the linker to do.
    Executable { link_line: super::LinkLine },
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
            version: String::new(),
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
