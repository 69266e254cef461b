//! Who installed a toolchain, and the command with which that installs another target's standard
//! library.

use std::{fmt, path::Path};

use camino::Utf8Path;

/// A file that rustup writes into each toolchain.
const RUSTUP: &str = "lib/rustlib/multirust-channel-manifest.toml";

/// The command that installs the standard library of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstallTarget {
    Rustup {
        toolchain: String,
        target: String,
    },
    /// Debian and its derivatives.
    Apt {
        package: String,
        architecture: &'static str,
    },
    /// Another package manager, or a toolchain that was unpacked by hand.
    Unknown {
        target: String,
    },
}

impl InstallTarget {
    /// The command for a toolchain.
    pub fn of(sysroot: &Utf8Path, target: &str) -> Self {
        Self::with(sysroot, target, Path::new("/etc/debian_version").exists())
    }

    fn with(sysroot: &Utf8Path, target: &str, is_debian: bool) -> Self {
        let name = sysroot.file_name().unwrap_or_default();
        if sysroot.join(RUSTUP).exists() {
            return Self::Rustup {
                toolchain: name.to_owned(),
                target: target.to_owned(),
            };
        }
        let architecture = match target {
            "aarch64-unknown-linux-gnu" => Some("arm64"),
            "x86_64-unknown-linux-gnu" => Some("amd64"),
            _ => None,
        };
        match architecture {
            Some(architecture) if is_debian && is_packaged(sysroot) => Self::Apt {
                // Ubuntu installs `rustc-1.85` to `/usr/lib/rust-1.85`.
                package: match name.strip_prefix("rust-") {
                    Some(version) => format!("libstd-rust-{version}-dev"),
                    None => "libstd-rust-dev".to_owned(),
                },
                architecture,
            },
            _ => Self::Unknown {
                target: target.to_owned(),
            },
        }
    }
}

/// Whether Debian's packages have files there. Administrators have theirs in `/usr/local`.
fn is_packaged(sysroot: &Utf8Path) -> bool {
    sysroot.starts_with("/usr") && !sysroot.starts_with("/usr/local")
}

impl fmt::Display for InstallTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup { toolchain, target } => {
                write!(f, "`rustup target add --toolchain {toolchain} {target}`")
            }
            Self::Apt {
                package,
                architecture,
            } => write!(
                f,
                "`dpkg --add-architecture {architecture} && apt update && apt install {package}:{architecture}`"
            ),
            Self::Unknown { target } => write!(
                f,
                "install it with what installed this toolchain, or use a toolchain of rustup and \
                 `rustup target add {target}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "aarch64-unknown-linux-gnu";

    #[test]
    fn rustup_adds_the_target_to_the_toolchain_that_lacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let sysroot = root.join("nightly-x86_64-unknown-linux-gnu");
        let file = sysroot.join(RUSTUP);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
        assert_eq!(
            InstallTarget::with(&sysroot, TARGET, true).to_string(),
            format!("`rustup target add --toolchain nightly-x86_64-unknown-linux-gnu {TARGET}`")
        );
    }

    #[test]
    fn debian_has_a_package_of_the_targets_architecture() {
        let command = |sysroot: &str| InstallTarget::with(sysroot.into(), TARGET, true).to_string();
        assert!(command("/usr").ends_with("apt install libstd-rust-dev:arm64`"));
        assert!(command("/usr/lib/rust-1.85").ends_with("apt install libstd-rust-1.85-dev:arm64`"));
        // Unpacked by hand.
        for sysroot in ["/opt/rust", "/usr/local"] {
            assert!(command(sysroot).contains("what installed this toolchain"));
        }
    }

    #[test]
    fn another_package_manager_is_unknown() {
        let command = InstallTarget::with("/usr".into(), TARGET, false).to_string();
        assert!(command.contains(&format!("rustup target add {TARGET}")));
    }
}
