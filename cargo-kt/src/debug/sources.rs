//! Each object's own sources: for an older generation, the debugger shows the sources it was
//! compiled from. Debug information names files relative to the directory in which rustc ran, which
//! is the same for all generations. If a file has changed since, gdb gets a copy of the object that
//! names a directory of the session instead, with links to the original sources. gdb's `set
//! substitute-path` cannot distinguish objects.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use camino::Utf8Path;
use gimli::{EndianSlice, LittleEndian};
use object::{Object as _, ObjectSection as _};

use crate::compile::Snapshot;

/// Creates a copy of an object for gdb, or returns `None` if its sources are unchanged.
///
/// # Errors
/// If the directory cannot be written, or the object's debug information cannot be read.
pub fn with_own_sources(
    object: &Path,
    snapshot: &Snapshot,
    kt_dir: &Utf8Path,
    directory: &Path,
) -> io::Result<Option<PathBuf>> {
    let found = snapshot.files.iter().filter_map(|(path, blake3)| {
        let inside = path.strip_prefix(&snapshot.directory).ok()?;
        Some((inside, path, Snapshot::find(kt_dir, path, blake3)))
    });
    let found: Vec<_> = found.collect();
    let is_unchanged =
        |(_, path, found): &(_, &camino::Utf8PathBuf, Option<_>)| found.as_ref() == Some(*path);
    if found.iter().all(is_unchanged) {
        return Ok(None);
    }
    let name = object.file_name().unwrap_or_default();
    let sources = directory.join(name);
    for (inside, _, found) in &found {
        // If no copy of the source exists any more, gdb reports the missing file.
        if let Some(found) = found {
            let link = sources.join(inside);
            fs::create_dir_all(link.parent().unwrap_or(&sources))?;
            symlink(found, link)?;
        }
    }
    let mut data = fs::read(object)?;
    compiled_in(&mut data, &sources).map_err(io::Error::other)?;
    let copy = sources.with_added_extension("debug");
    fs::write(&copy, data)?;
    Ok(Some(copy))
}

/// Sets the compilation directory of each unit to `directory` in debug information (DWARF 4, as
/// rustc emits for Linux). Units with another form of the attribute stay unchanged.
fn compiled_in(data: &mut Vec<u8>, directory: &Path) -> Result<(), String> {
    use std::os::unix::ffi::OsStrExt as _;

    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (places, strings, header) = {
        let file = object::read::elf::ElfFile64::<object::Endianness>::parse(&**data)
            .map_err(|error| text(&error))?;
        let strings = file
            .section_by_name(".debug_str")
            .ok_or("it has no .debug_str")?;
        let content = strings.data().map_err(|error| text(&error))?.to_vec();
        // The table of sections: e_shoff and e_shentsize of the ELF header.
        let table = u64::from_le_bytes(array(data, 0x28)?);
        let size = u64::from(u16::from_le_bytes(array(data, 0x3a)?));
        let header = table + size * strings.index().0 as u64;
        let places = places(&file).map_err(|error| text(&error))?;
        (places, content, header)
    };
    let offset = u32::try_from(strings.len()).map_err(|error| text(&error))?;
    for place in places {
        data.get_mut(place..place + 4)
            .ok_or("truncated file")?
            .copy_from_slice(&offset.to_le_bytes());
    }
    // Moves the strings to the end of the file, so that one can be appended.
    let moved = data.len() as u64;
    data.extend_from_slice(&strings);
    data.extend_from_slice(directory.as_os_str().as_bytes());
    data.push(0);
    let length = data.len() as u64 - moved;
    // sh_offset and sh_size of its section.
    for (field, value) in [(0x18, moved), (0x20, length)] {
        let at = usize::try_from(header + field).map_err(|error| text(&error))?;
        data.get_mut(at..at + 8)
            .ok_or("truncated file")?
            .copy_from_slice(&value.to_le_bytes());
    }
    Ok(())
}

fn array<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], String> {
    let bytes = data.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| "truncated file".to_owned())
}

/// File positions of the offset of each unit's directory.
fn places<'d>(
    file: &object::read::elf::ElfFile64<'d, object::Endianness>,
) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
    let section = |name: &str| -> Result<&'d [u8], Box<dyn std::error::Error>> {
        let section = file.section_by_name(name);
        let section = section.ok_or_else(|| format!("it has no {name}"))?;
        Ok(section.data()?)
    };
    let begin = file
        .section_by_name(".debug_info")
        .and_then(|section| section.file_range())
        .ok_or("it has no debug information")?
        .0;
    let info = gimli::DebugInfo::from(EndianSlice::new(section(".debug_info")?, LittleEndian));
    let abbreviations =
        gimli::DebugAbbrev::from(EndianSlice::new(section(".debug_abbrev")?, LittleEndian));
    let mut places = Vec::new();
    let mut units = info.units();
    while let Some(unit) = units.next()? {
        let known = unit.abbreviations(&abbreviations)?;
        let mut entry = unit.entries_raw(&known, None)?;
        let Some(abbreviation) = entry.read_abbreviation()? else {
            continue;
        };
        for attribute in abbreviation.attributes() {
            let at = entry.next_offset();
            if attribute.name() == gimli::DW_AT_comp_dir && attribute.form() == gimli::DW_FORM_strp
            {
                let at = at.to_debug_info_offset(&unit).ok_or("a unit of types")?;
                places.push(usize::try_from(begin)? + at.0);
                break;
            }
            entry.read_attribute(*attribute)?;
        }
    }
    Ok(places)
}
