//! All that is known of the directories in which cargo builds: where the fingerprint of a compilation lies, where the output
//! of a build script, and which file of rustc's has a second name that cargo reports.
//!
//! cargo documents none of this and has two layouts (`src/cargo/core/compiler/layout.rs` of cargo):
//! - *by kind*, before 1.100: `<profile>/deps` and `<profile>/examples` hold the outputs of all compilations,
//!   `<profile>/.fingerprint/<package>-<hash>` one fingerprint, `<profile>/build/<package>-<hash>` one build script;
//! - *by unit*, since 1.100: `<profile>/build/<package>/<hash>/{out,fingerprint,run}` holds all of one compilation.
//!
//! Everything else comes from cargo's messages and from the calls of rustc, which go through our wrapper. A directory that
//! fits neither layout is an error: cargo could take old code for new if its fingerprint were not deleted.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::At as _;
use super::record::UnitKey;
use super::{BuildError, file};

#[cfg(test)]
mod tests;

/// Makes cargo forget that it has compiled a unit of `package`: then it compiles the unit, and all that depend on it. The
/// empty directory stays, so that its absence means that the layout is another one.
///
/// # Errors
/// If there is no fingerprint in either layout, or the file system fails.
pub(super) fn forget(key: &UnitKey, package: &str) -> Result<(), BuildError> {
    for directory in fingerprints(key, package)? {
        empty(&directory).at("removing the fingerprint", &directory)?;
    }
    Ok(())
}

/// Does the same for a unit that may be gone: then there is nothing to forget. What cargo is called for next, `fingerprints`
/// is asked about.
///
/// # Errors
/// Those of the file system.
pub(super) fn forget_if_known(key: &UnitKey, package: &str) -> Result<(), BuildError> {
    match forget(key, package) {
        Err(BuildError::UnknownLayout { .. }) => Ok(()),
        result => result,
    }
}

/// Makes cargo forget that it has run the build script whose `OUT_DIR` is `out_dir`, if it knows.
///
/// # Errors
/// Those of the file system.
pub(super) fn forget_run(out_dir: &Utf8Path) -> io::Result<()> {
    let by_unit = out_dir.with_file_name("fingerprint");
    // …/debug/build/app-0123456789abcdef/out: the fingerprint's directory has the name of the run's.
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

/// Finds the fingerprint of a unit of `package`: one directory, or several where the unit's files bear no hash.
///
/// # Errors
/// If there is none in either layout, or the file system fails.
pub(super) fn fingerprints(key: &UnitKey, package: &str) -> Result<Vec<Utf8PathBuf>, BuildError> {
    let mut found: Vec<_> = fingerprint_by_unit(key).into_iter().collect();
    if found.is_empty() {
        found = fingerprints_by_kind(key, package).at("reading", &key.out_dir)?;
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
        // A crate that is also a cdylib: any library of the package can be meant.
        None => libraries(&all, package),
    }
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

/// Whether a fingerprint is a library's, or was emptied and can have been one.
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

/// Finds what a build script printed, given its `OUT_DIR`; `None` if it lies in neither layout.
pub(super) fn script_output(out_dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let by_unit = out_dir.with_file_name("run").join("stdout");
    let by_kind = out_dir.with_file_name("output");
    [by_unit, by_kind].into_iter().find(|path| path.is_file())
}

/// Finds the compilation that made the program which cargo reports as `path`, a second name of rustc's file. `recorded` are
/// the compilations that may have made it; where nothing is recorded, the files in either layout are looked at.
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

/// Finds the compilation that made the build script which cargo reports as `path`: in both layouts, rustc's file is beside it.
pub(super) fn build_script(path: &Utf8Path, crate_name: &str) -> Option<UnitKey> {
    first_name(path, programs(path.parent()?, crate_name))
}

/// The executables in a directory that can be of the crate: `app-0123456789abcdef` or `app`.
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

/// Finds the unit whose program is the file at `path`: a hard link, or a copy where the file system has no links.
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
    // The newest of the same content.
    let wanted = file::hash(path).ok()?;
    copies.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
    copies
        .into_iter()
        .map(|(_, key)| key)
        .find(|key| file::hash(&key.out_dir.join(&key.stem)).ok() == Some(wanted.clone()))
}

/// The paths in a directory; none if it is absent.
fn entries(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    match directory.read_dir_utf8() {
        Err(error) if file::is_absent(&error) => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.into_path())).collect(),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
