//! The shared libraries that a program finds by name, such as those that its build script made. Their
//! directories are what `cargo run` adds to `LD_LIBRARY_PATH` (`fill_env` in cargo's
//! `core/compiler/compilation.rs`).

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::artifacts::NativeLibraries;
use crate::plan::Plan;

/// The libraries in cargo's directories, which are in cargo's order. A directory without any is not
/// needed: the others differ between builds, and a worker keeps its environment. The toolchain's own
/// libraries are not among them, since kt loads its copy of libstd.
pub(super) fn of_program(plan: &Plan, native: &NativeLibraries) -> Vec<Utf8PathBuf> {
    let root = plan
        .cargo_directory()
        .join(&plan.toolchain.target)
        .join(&plan.profile.directory);
    let searched: BTreeSet<_> = native.search_paths.iter().collect();
    let searched = searched.into_iter().map(|path| without_kind(path));
    let searched = searched.filter(|path| path.starts_with(&root));
    let mut directories: Vec<Utf8PathBuf> = Vec::new();
    for directory in searched
        .map(Utf8Path::to_owned)
        .chain([root.clone(), root.join("deps")])
    {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories
        .iter()
        .flat_map(|directory| shared_libraries(directory))
        .collect()
}

/// The directory of `KIND=DIRECTORY`.
fn without_kind(path: &str) -> &Utf8Path {
    const KINDS: [&str; 5] = ["native=", "crate=", "dependency=", "framework=", "all="];
    let kinds = KINDS.iter().find_map(|kind| path.strip_prefix(kind));
    Utf8Path::new(kinds.unwrap_or(path))
}

/// The files in a directory that can be loaded. The cdylibs of packages are empty files.
fn shared_libraries(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let is_shared = name.ends_with(".so") || name.contains(".so.");
            is_shared && std::fs::metadata(entry.path()).is_ok_and(|file| file.len() > 0)
        })
        .map(|entry| entry.into_path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_that_can_be_loaded_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let write = |name: &str, content: &str| std::fs::write(folder.join(name), content).unwrap();
        write("libapp.rlib", "x");
        write("libplugin.so", "");
        assert!(shared_libraries(folder).is_empty());
        write("libssl.so.3", "x");
        assert_eq!(shared_libraries(folder), [folder.join("libssl.so.3")]);
        assert!(shared_libraries(&folder.join("missing")).is_empty());
    }

    #[test]
    fn kinds_are_removed_from_search_paths() {
        assert_eq!(without_kind("native=/a=b"), "/a=b");
        assert_eq!(without_kind("/a=b"), "/a=b");
    }
}
