//! Locates lld, the linker that kt calls.
//!
//! Toolchains of rustup and of rust-lang.org have it in the sysroot, under the name `rust-lld`.
//! Those of distributions depend on a package of LLVM, which installs it in `PATH` as `ld.lld`,
//! `lld`, `rust-lld` (Debian's `rust-llvm`), or with the version of LLVM as a suffix.

use std::{cmp::Reverse, env, ffi::OsStr};

use camino::{Utf8Path, Utf8PathBuf};

/// Each of them runs as GNU ld with `-flavor gnu`.
const NAMES: [&str; 3] = ["rust-lld", "ld.lld", "lld"];

/// The lld of a toolchain for `host`, or the first one in `path`. The newest one with a version
/// suffix comes last.
pub fn find_lld(sysroot: &Utf8Path, host: &str, path: Option<&OsStr>) -> Option<Utf8PathBuf> {
    let bundled = sysroot
        .join("lib/rustlib")
        .join(host)
        .join("bin")
        .join(NAMES[0]);
    let directories: Vec<_> = path
        .map(env::split_paths)
        .into_iter()
        .flatten()
        .filter_map(|directory| Utf8PathBuf::from_path_buf(directory).ok())
        .collect();
    let in_path = directories
        .iter()
        .flat_map(|directory| NAMES.map(|name| directory.join(name)));
    let mut candidates = std::iter::once(bundled).chain(in_path);
    candidates
        .find(|file| file.is_file())
        .or_else(|| newest(&directories))
}

/// `ld.lld-21` and `lld-21` of the highest version in these directories.
fn newest(directories: &[Utf8PathBuf]) -> Option<Utf8PathBuf> {
    let versions = |directory: &Utf8PathBuf| {
        let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let version = NAMES
                    .iter()
                    .find_map(|known| name.strip_prefix(known)?.strip_prefix('-'))?;
                Some((version.parse::<u32>().ok()?, entry.into_path()))
            })
            .filter(|(_, file)| file.is_file())
            .collect::<Vec<_>>()
    };
    let mut found: Vec<_> = directories.iter().flat_map(versions).collect();
    found.sort_by_key(|(version, _)| Reverse(*version));
    found.into_iter().next().map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HOST: &str = "x86_64-unknown-linux-gnu";

    /// The file that is found, relative to a folder with these files. `a` and `b` are in `PATH`.
    fn found(files: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let path = env::join_paths([root.join("a"), root.join("b")]).unwrap();
        let lld = find_lld(&root.join("sysroot"), HOST, Some(&path))?;
        Some(lld.strip_prefix(root).unwrap().to_string())
    }

    #[test]
    fn the_toolchains_own_comes_before_those_in_path() {
        let bundled = "sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld";
        assert_eq!(found(&["a/ld.lld", bundled]).as_deref(), Some(bundled));
        assert_eq!(found(&["a/lld", "b/rust-lld"]).as_deref(), Some("a/lld"));
        assert_eq!(
            found(&["a/ld.lld-22", "b/ld.lld"]).as_deref(),
            Some("b/ld.lld")
        );
    }

    #[test]
    fn the_newest_version_is_used() {
        let versions = ["a/lld-9", "a/ld.lld-19.sh", "b/ld.lld-21"];
        assert_eq!(found(&versions).as_deref(), Some("b/ld.lld-21"));
    }

    #[test]
    fn without_one_none_is_found() {
        assert_eq!(found(&["a/ld", "b/clang-21"]), None);
        assert_eq!(find_lld(Utf8Path::new("/nonexistent"), HOST, None), None);
    }
}
