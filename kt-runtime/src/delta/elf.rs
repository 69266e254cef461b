//! Finds the sections of an ELF file that can be rewritten.

use std::ops::Range;

const EM_X86_64: u16 = 62;
const SHT_SYMTAB: u32 = 2;
const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
const SHT_DYNSYM: u32 = 11;

pub(super) enum Kind {
    Symbols,
    Relocations,
    FrameHeader,
    Frames,
    Code,
}

/// A section.
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Address of its first byte in memory. The lower half is enough for distances.
    pub(super) address: u32,
}

/// The sections that can be rewritten; `None` if the file is of an unknown kind, or sections
/// overlap. Reads only bytes outside of these sections.
pub(super) fn parts(file: &[u8]) -> Option<Vec<Part>> {
    const HEADER: usize = 64;
    // ELF, 64 bits, little-endian, version 1.
    if file.len() < HEADER || file[..7] != [0x7f, b'E', b'L', b'F', 2, 1, 1] {
        return None;
    }
    let machine = u16_at(file, 18);
    let table = usize::try_from(u64_at(file, 40)).ok()?;
    let (size, number, names) = (u16_at(file, 58), u16_at(file, 60), u16_at(file, 62));
    let length = usize::from(number) * HEADER;
    let sections = file.get(table..table.checked_add(length)?)?;
    if usize::from(size) != HEADER || names >= number {
        return None;
    }
    let range = |section: &[u8]| -> Option<Range<usize>> {
        let begin = usize::try_from(u64_at(section, 24)).ok()?;
        let end = begin.checked_add(usize::try_from(u64_at(section, 32)).ok()?)?;
        (end <= file.len()).then_some(begin..end)
    };
    let headers = || sections.chunks_exact(HEADER);
    let names = range(headers().nth(usize::from(names))?)?;
    // These ranges are read here, so they must not be rewritten.
    let mut taken = vec![0..HEADER, table..table + length, names.clone()];
    let mut parts = Vec::new();
    for section in headers() {
        let name = names.start.checked_add(u32_at(section, 0) as usize)?;
        let name = file.get(name..names.end)?;
        let name = name.split(|&byte| byte == 0).next()?;
        let kind = match (u32_at(section, 4), name) {
            (SHT_NOBITS, _) => continue,
            (SHT_SYMTAB | SHT_DYNSYM, _) => Kind::Symbols,
            (SHT_RELA, _) => Kind::Relocations,
            (_, b".eh_frame_hdr") => Kind::FrameHeader,
            (_, b".eh_frame") => Kind::Frames,
            (_, b".text") if machine == EM_X86_64 => Kind::Code,
            _ => continue,
        };
        let range = range(section)?;
        taken.push(range.clone());
        parts.push(Part {
            kind,
            range,
            address: u64_at(section, 16) as u32,
        });
    }
    taken.retain(|range| !range.is_empty());
    taken.sort_unstable_by_key(|range| range.start);
    let disjoint = taken.windows(2).all(|pair| pair[0].end <= pair[1].start);
    disjoint.then_some(parts)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
