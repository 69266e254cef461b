//! Whether a compiled crate has items of kt.

use std::path::Path;

use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSymbol as _};

/// The symbol that kt's macros export once per bin or example.
const MAIN: &[u8] = b"kt:main";

/// Whether an rlib defines [`MAIN`].
///
/// # Errors
/// When the file cannot be read or is no archive.
pub(super) fn rlib_has_main(rlib: &Path) -> Result<bool, String> {
    let data = std::fs::read(rlib).map_err(|error| error.to_string())?;
    // The name is in the archive's own symbol table and in an object's string table: no such bytes, no such symbol.
    if !contains(&data, MAIN) {
        return Ok(false);
    }
    let archive = ArchiveFile::parse(&*data).map_err(|error| error.to_string())?;
    for member in archive.members() {
        let content = member
            .and_then(|member| member.data(&*data))
            .map_err(|error| error.to_string())?;
        if object_defines_main(content) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of some object files defines [`MAIN`].
///
/// # Errors
/// When a file cannot be read.
pub(super) fn objects_have_main<'a>(
    objects: impl IntoIterator<Item = &'a Path>,
) -> Result<bool, String> {
    for path in objects {
        let data = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if object_defines_main(&data) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn object_defines_main(data: &[u8]) -> bool {
    if !contains(data, MAIN) {
        return false;
    }
    // rustc's metadata member is no object file.
    let Ok(object) = object::File::parse(data) else {
        return false;
    };
    object
        .symbols()
        .any(|symbol| symbol.is_definition() && symbol.name_bytes() == Ok(MAIN))
}

fn contains(data: &[u8], name: &[u8]) -> bool {
    let mut rest = data;
    // A plain search for the first byte, which the compiler vectorises, is fast enough for a crate's own objects.
    while let Some(at) = rest.iter().position(|byte| *byte == name[0]) {
        if rest[at..].starts_with(name) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
