//! The layout of cargo's build directory: where the fingerprint of a compilation and the output of
//! a build script are, and which output of rustc cargo hard-links to the path that it reports.
//!
//! cargo does not document this and has two layouts (`src/cargo/core/compiler/layout.rs` of cargo):
//! - *by kind*, before 1.100: `<profile>/deps` and `<profile>/examples` hold the outputs of all
//!   compilations, `<profile>/.fingerprint/<package>-<hash>` one fingerprint,
//!   `<profile>/build/<package>-<hash>` one build script;
//! - *by unit*, since 1.100: `<profile>/build/<package>/<hash>/{out,fingerprint,run}` holds all of
//!   one compilation.
//!
//! Everything else comes from cargo's messages and from the rustc invocations, which kt wraps. A
//! directory in neither layout is an error: if kt cannot delete a fingerprint, cargo could take old
//! code for new.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::At as _;
use super::record::UnitKey;
use super::{BuildError, file};

#[cfg(test)]
mod tests;

/// Makes cargo recompile a unit of `package` and its dependents, by deleting the files of its
/// fingerprint. The empty directory stays: a missing directory means that the layout is unknown.
///
/// # Errors
/// If there is no fingerprint in either layout, or the file system fails.
pub(super) fn forget(key: &UnitKey, package: &str) -> Result<(), BuildError> {
    for directory in fingerprints(key, package)? {
        empty(&directory).at("remove the fingerprint", &directory)?;
    }
    Ok(())
}

/// Does the same for a unit that may no longer exist. After cargo ran, [`fingerprints`] checks the
/// units of the program.
///
/// # Errors
/// If the file system fails.
pub(super) fn forget_if_known(key: &UnitKey, package: &str) -> Result<(), BuildError> {
    match forget(key, package) {
        Err(BuildError::UnknownLayout { .. }) => Ok(()),
        result => result,
    }
}

/// Makes cargo rerun the build script whose `OUT_DIR` is `out_dir`, if it has a fingerprint.
///
/// # Errors
/// If the file system fails.
pub(super) fn forget_run(out_dir: &Utf8Path) -> io::Result<()> {
    let by_unit = out_dir.with_file_name("fingerprint");
    // …/debug/build/app-0123456789abcdef/out: the directories of the run and of the fingerprint
    // have the same name.
    let run = out_dir.parent();
    let profile = run.and_then(Utf8Path::parent).and_then(Utf8Path::parent);
    let by_kind = profile
        .zip(run.and_then(Utf8Path::file_name))
        .map(|(profile, name)| profile.join(".fingerprint").join(name));
    [Some(by_unit), by_kind]
        .into_iter()
        .flatten()
        .try_for_each(|directory| empty(&directory))
}

/// Finds the fingerprint of a unit of `package`: one directory, or several if its files have no
/// hash in their names.
///
/// # Errors
/// If there is none in either layout, or the file system fails.
pub(super) fn fingerprints(key: &UnitKey, package: &str) -> Result<Vec<Utf8PathBuf>, BuildError> {
    let mut found: Vec<_> = fingerprint_by_unit(key).into_iter().collect();
    if found.is_empty() {
        found = fingerprints_by_kind(key, package).at("find the fingerprints for", &key.out_dir)?;
    }
    if found.is_empty() {
        return Err(BuildError::UnknownLayout {
            what: format!("the fingerprint of `{}`", key.stem),
            path: key.out_dir.clone(),
        });
    }
    Ok(found)
}

fn fingerprint_by_unit(key: &UnitKey) -> Option<Utf8PathBuf> {
    let fingerprint = key.out_dir.with_file_name("fingerprint");
    (key.out_dir.file_name() == Some("out") && fingerprint.is_dir()).then_some(fingerprint)
}

fn fingerprints_by_kind(key: &UnitKey, package: &str) -> io::Result<Vec<Utf8PathBuf>> {
    if let Some(directory) = fingerprint_of_artifact(key) {
        return Ok(vec![directory]);
    }
    // …/debug/deps and …/debug/examples, or …/debug/build/app-0123456789abcdef.
    let above = key.out_dir.parent();
    let profile = if above.and_then(Utf8Path::file_name) == Some("build") {
        above.and_then(Utf8Path::parent)
    } else {
        above
    };
    let Some(all) = profile.map(|profile| profile.join(".fingerprint")) else {
        return Ok(Vec::new());
    };
    match key.stem.rsplit_once('-').filter(|(_, hash)| is_hash(hash)) {
        Some((_, hash)) => {
            let directory = all.join(format!("{package}-{hash}"));
            Ok(directory
                .is_dir()
                .then_some(directory)
                .into_iter()
                .collect())
        }
        // A crate that is also a cdylib: any fingerprint of a library of the package may be the
        // one.
        None => libraries(&all, package),
    }
}

/// Finds the fingerprint of an artifact that another crate depends on (`-Z bindeps`), which is in
/// `…/debug/deps/artifact/app-0123456789abcdef/bin`.
fn fingerprint_of_artifact(key: &UnitKey) -> Option<Utf8PathBuf> {
    let unit = key.out_dir.parent()?;
    let artifacts = unit.parent().filter(|above| above.ends_with("artifact"))?;
    let profile = artifacts.ancestors().nth(2)?;
    let directory = profile.join(".fingerprint").join(unit.file_name()?);
    directory.is_dir().then_some(directory)
}

fn libraries(all: &Utf8Path, package: &str) -> io::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for directory in entries(all)? {
        let is_of_package = directory
            .file_name()
            .and_then(|name| name.strip_prefix(package)?.strip_prefix('-'))
            .is_some_and(is_hash);
        if is_of_package && is_library(&entries(&directory)?) {
            found.push(directory);
        }
    }
    Ok(found)
}

/// Whether a fingerprint is that of a library, or is empty and may have been one.
fn is_library(files: &[Utf8PathBuf]) -> bool {
    let is_of_library = |file: &Utf8PathBuf| {
        let name = file.file_name();
        name.is_some_and(|name| name.starts_with("dep-lib-"))
    };
    files.is_empty() || files.iter().any(is_of_library)
}

fn empty(fingerprint: &Utf8Path) -> io::Result<()> {
    entries(fingerprint)?
        .iter()
        .try_for_each(|file| file::absent_is_fine(std::fs::remove_file(file)))
}

/// Finds the output of the build script with this `OUT_DIR`. `None` if it is in neither layout.
pub(super) fn script_output(out_dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let by_unit = out_dir.with_file_name("run").join("stdout");
    let by_kind = out_dir.with_file_name("output");
    [by_unit, by_kind].into_iter().find(|path| path.is_file())
}

/// Finds the compilation of the program that cargo reports as `path`, a hard link to rustc's
/// output. `recorded` are the compilations that may be it. If none is, searches the files of both
/// layouts.
pub(super) fn program(
    path: &Utf8Path,
    package: &str,
    crate_name: &str,
    recorded: Vec<UnitKey>,
) -> Option<UnitKey> {
    first_name(path, recorded).or_else(|| {
        // `<profile>/app`, or `<profile>/examples/demo`.
        let directory = path.parent()?;
        let profile = match directory.file_name() {
            Some("examples") => directory.parent()?,
            _ => directory,
        };
        let units = entries(&profile.join("build").join(package)).ok()?;
        let by_unit = units.iter().map(|unit| unit.join("out"));
        let by_kind = [profile.join("deps"), profile.join("examples")];
        let candidates = by_unit.chain(by_kind);
        first_name(
            path,
            candidates
                .flat_map(|directory| programs(&directory, crate_name))
                .collect(),
        )
    })
}

/// Finds the compilation of the build script, or of the artifact that another crate depends on, that
/// cargo reports as `path`. In both layouts rustc's output is beside it.
pub(super) fn beside(path: &Utf8Path, crate_name: &str) -> Option<UnitKey> {
    first_name(path, programs(path.parent()?, crate_name))
}

/// The executables in a directory that may be of the crate: `app-0123456789abcdef` or `app`.
fn programs(directory: &Utf8Path, crate_name: &str) -> Vec<UnitKey> {
    let is_program = |name: &&str| {
        name.strip_prefix(crate_name)
            .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('-').is_some_and(is_hash))
    };
    entries(directory)
        .unwrap_or_default()
        .iter()
        .filter_map(|path| path.file_name().filter(is_program))
        .map(|name| UnitKey {
            out_dir: directory.to_owned(),
            stem: name.to_owned(),
        })
        .collect()
}

/// Finds the unit whose program is the file at `path`: a hard link, or a copy if the file system
/// has no hard links.
fn first_name(path: &Utf8Path, candidates: Vec<UnitKey>) -> Option<UnitKey> {
    use std::os::unix::fs::MetadataExt as _;
    let wanted = std::fs::metadata(path).ok()?;
    let mut copies = Vec::new();
    for key in candidates {
        let Ok(metadata) = std::fs::metadata(key.out_dir.join(&key.stem)) else {
            continue;
        };
        if (metadata.dev(), metadata.ino()) == (wanted.dev(), wanted.ino()) {
            return Some(key);
        }
        if metadata.len() == wanted.len() {
            copies.push((metadata.modified().ok(), key));
        }
    }
    // The newest with the same content.
    let wanted = file::hash(path).ok()?;
    copies.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    copies
        .into_iter()
        .map(|(_, key)| key)
        .find(|key| file::hash(&key.out_dir.join(&key.stem)).ok() == Some(wanted.clone()))
}

/// The paths in a directory. Empty if it does not exist.
fn entries(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    match directory.read_dir_utf8() {
        Err(error) if file::is_absent(&error) => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.into_path())).collect(),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
