//! Opens the DWARF sections of a relocatable object.

use std::borrow::Cow;

use camino::Utf8Path;
use gimli::{EndianSlice, RunTimeEndian};
use object::{Object, ObjectSection};

use super::DwarfError;

/// In an object that is not linked, offsets between sections exist only as relocations.
#[derive(Debug, Default)]
pub struct Relocations(object::read::RelocationMap);

impl gimli::read::Relocate for &Relocations {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.0.relocate(offset as u64, value))
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        <usize as gimli::ReaderOffset>::from_u64(self.0.relocate(offset as u64, value as u64))
    }
}

pub type Reader<'a> = gimli::RelocateReader<EndianSlice<'a, RunTimeEndian>, &'a Relocations>;
pub type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;

/// Reads `path` and passes its DWARF to `use_it`.
pub fn with_dwarf<T>(
    path: &Utf8Path,
    use_it: impl FnOnce(&Dwarf<'_>) -> Result<T, DwarfError>,
) -> Result<T, DwarfError> {
    let bytes = std::fs::read(path).map_err(|source| DwarfError::Read {
        path: path.to_owned(),
        source,
    })?;
    let file = object::File::parse(&*bytes)?;
    let endian = if file.is_little_endian() {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    };
    let sections = gimli::DwarfSections::load(|id| load_section(&file, id.name()))?;
    let dwarf = sections.borrow(|(data, relocations): &(Cow<'_, [u8]>, Relocations)| {
        gimli::RelocateReader::new(EndianSlice::new(data, endian), relocations)
    });
    use_it(&dwarf)
}

fn load_section<'data>(
    file: &object::File<'data>,
    name: &str,
) -> Result<(Cow<'data, [u8]>, Relocations), object::Error> {
    // Sections that describe code are not read. They have most of the relocations.
    const READ: [&str; 8] = [
        ".debug_abbrev",
        ".debug_addr",
        ".debug_info",
        ".debug_line",
        ".debug_line_str",
        ".debug_str",
        ".debug_str_offsets",
        ".debug_types",
    ];
    let Some(section) = file.section_by_name(name).filter(|_| READ.contains(&name)) else {
        return Ok(Default::default());
    };
    let mut relocations = object::read::RelocationMap::default();
    for (offset, relocation) in section.relocations() {
        if !is_thread_local(&relocation) {
            relocations.add(file, offset, relocation)?;
        }
    }
    Ok((section.uncompressed_data()?, Relocations(relocations)))
}

/// Whether a relocation is the offset of a thread-local variable in its module's block. No type
/// depends on it, and it cannot be added to an address.
fn is_thread_local(relocation: &object::Relocation) -> bool {
    use object::elf::{R_AARCH64_TLS_DTPREL, R_X86_64_DTPOFF32, R_X86_64_DTPOFF64};
    let object::RelocationFlags::Elf { r_type } = relocation.flags() else {
        return false;
    };
    [R_X86_64_DTPOFF32, R_X86_64_DTPOFF64, R_AARCH64_TLS_DTPREL].contains(&r_type)
}
