//! cargo's fingerprints (`<profile>/.fingerprint/<package>-<hash>/`): without its directory a unit is compiled again.

use std::io;

use camino::Utf8Path;

use super::file;
use super::record::UnitKey;

/// Makes cargo forget that it has compiled a unit of `package`.
///
/// # Errors
/// Those of the file system, except that there was nothing to forget.
pub(super) fn forget(key: &UnitKey, package: &str) -> io::Result<()> {
    // …/debug/deps and …/debug/examples, or …/debug/build/app-0123456789abcdef.
    let above = key.out_dir.parent();
    let profile = if above.and_then(Utf8Path::file_name) == Some("build") {
        above.and_then(Utf8Path::parent)
    } else {
        above
    };
    let Some(fingerprints) = profile.map(|profile| profile.join(".fingerprint")) else {
        return Ok(());
    };
    match key
        .stem
        .rsplit_once('-')
        .filter(|(_, hash)| hash.len() == 16)
    {
        Some((_, hash)) => remove(&fingerprints.join(format!("{package}-{hash}"))),
        // A crate that is also a cdylib: its files bear no hash, so every library unit of the package has to go.
        None => {
            let directories = match fingerprints.read_dir_utf8() {
                Ok(directories) => directories,
                Err(error) if file::is_absent(&error) => return Ok(()),
                Err(error) => return Err(error),
            };
            for directory in directories {
                let directory = directory?;
                let is_of_package = directory
                    .file_name()
                    .strip_prefix(package)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(|hash| hash.len() == 16);
                if is_of_package && is_library(directory.path())? {
                    remove(directory.path())?;
                }
            }
            Ok(())
        }
    }
}

fn is_library(directory: &Utf8Path) -> io::Result<bool> {
    for entry in directory.read_dir_utf8()? {
        if entry?.file_name().starts_with("dep-lib-") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove(directory: &Utf8Path) -> io::Result<()> {
    file::absent_is_fine(std::fs::remove_dir_all(directory))
}
