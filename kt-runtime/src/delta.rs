//! Addresses of an ELF file rewritten so that code which moved looks as before.
//!
//! An edit that makes a function longer moves all that lies behind it, and with it thousands of addresses: in symbols, relocations,
//! unwind tables and instructions. Each of them differs by the same number, and a patch has to say each. [`settle`] writes
//! them in a form that does not depend on it: in tables as the distance from the entry before, in unwind records from the
//! function before, in instructions that reach for data as the address instead of the distance. A patch is made of two
//! settled files; [`unsettle`] gives the file back, whatever it is: what is no ELF file of the known kind stays as it is.
//!
//! Sources: elf(5); the Linux Standard Base on `.eh_frame` and `.eh_frame_hdr`; Intel's manual, volume 2, on ModR/M.

use std::ops::Range;

const EM_X86_64: u16 = 62;
const SHT_SYMTAB: u32 = 2;
const SHT_RELA: u32 = 4;
const SHT_NOBITS: u32 = 8;
const SHT_DYNSYM: u32 = 11;
/// Of a record in a symbol table or in one of relocations, bytes.
const RECORD: usize = 24;
/// Bytes before the table in `.eh_frame_hdr`.
const FRAME_HEADER: usize = 12;
/// Opcodes whose operand may be data at a distance from the instruction: loads, stores, addresses, calls through a table,
/// comparisons, and the second bytes of moves of vectors.
const OPCODES: [u8; 20] = [
    0x03, 0x10, 0x11, 0x28, 0x29, 0x2e, 0x39, 0x3b, 0x63, 0x6f, 0x7f, 0x80, 0x81, 0x83, 0x89, 0x8b,
    0x8d, 0xb6, 0xc7, 0xff,
];

/// Makes a file the one that patches are made of.
pub fn settle(file: &mut [u8]) {
    rewrite(file, Direction::Settle);
}

/// Undoes [`settle`].
pub fn unsettle(file: &mut [u8]) {
    rewrite(file, Direction::Unsettle);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Settle,
    Unsettle,
}

impl Direction {
    /// What stands for `found`, and the value that it has in the file as it was.
    fn distance(self, found: u64, former: u64) -> (u64, u64) {
        match self {
            Self::Settle => (found.wrapping_sub(former), found),
            Self::Unsettle => (found.wrapping_add(former), found.wrapping_add(former)),
        }
    }
}

enum Kind {
    Symbols,
    Relocations,
    FrameHeader,
    Frames,
    Code,
}

struct Part {
    kind: Kind,
    range: Range<usize>,
    /// Of its first byte in memory; the lower half is enough for distances.
    address: u32,
}

fn rewrite(file: &mut [u8], direction: Direction) {
    for Part {
        kind,
        range,
        address,
    } in parts(file).unwrap_or_default()
    {
        let part = &mut file[range];
        match kind {
            Kind::Symbols => {
                // Symbols that lie in no section have other numbers there.
                let placed = |record: &[u8]| !matches!(u16_at(record, 6), 0 | 0xff00..);
                table(part, RECORD, [(0, 4), (8, 8)], placed, direction);
            }
            Kind::Relocations => table(part, RECORD, [(0, 8), (16, 8)], |_| true, direction),
            Kind::FrameHeader => {
                if let Some(entries) = part.get_mut(FRAME_HEADER..) {
                    table(entries, 8, [(0, 4), (4, 4)], |_| true, direction);
                }
            }
            Kind::Frames => frames(part, address, direction),
            Kind::Code => code(part, address, direction),
        }
    }
}

/// Rewrites `fields` (offset and length) of all records that are `counted`.
fn table<const N: usize>(
    bytes: &mut [u8],
    record: usize,
    fields: [(usize, usize); N],
    counted: impl Fn(&[u8]) -> bool,
    direction: Direction,
) {
    let mut former = [0; N];
    for record in bytes.chunks_exact_mut(record) {
        if !counted(record) {
            continue;
        }
        for ((at, length), former) in fields.into_iter().zip(&mut former) {
            let field = &mut record[at..at + length];
            let mut found = [0; 8];
            found[..length].copy_from_slice(field);
            let (new, value) = direction.distance(u64::from_le_bytes(found), *former);
            field.copy_from_slice(&new.to_le_bytes()[..length]);
            *former = value;
        }
    }
}

/// Each record of `.eh_frame` that describes a function says where that begins, as the distance from there.
fn frames(bytes: &mut [u8], address: u32, direction: Direction) {
    let mut at = 0;
    let mut end = 0u32;
    while at + 16 <= bytes.len() {
        let (length, id) = (u32_at(bytes, at) as usize, u32_at(bytes, at + 4));
        if length < 12 || length >= bytes.len() - at {
            return;
        }
        if id != 0 {
            let field = at + 8;
            let here = address.wrapping_add(field as u32);
            let found = u32_at(bytes, field);
            let (new, begin) = match direction {
                Direction::Settle => {
                    let begin = found.wrapping_add(here);
                    (begin.wrapping_sub(end), begin)
                }
                Direction::Unsettle => {
                    let begin = found.wrapping_add(end);
                    (begin.wrapping_sub(here), begin)
                }
            };
            bytes[field..field + 4].copy_from_slice(&new.to_le_bytes());
            end = begin.wrapping_add(u32_at(bytes, field + 4));
        }
        at += 4 + length;
    }
}

/// Operands that are a distance from the instruction pointer. What only looks like one does no harm: the same bytes are found
/// again when they are to be undone, since no byte by which they are found is changed.
fn code(bytes: &mut [u8], address: u32, direction: Direction) {
    let mut at = 0;
    while at + 6 <= bytes.len() {
        // ModR/M: no base register, and four bytes of distance.
        if bytes[at + 1] & 0xc7 != 0x05 || !OPCODES.contains(&bytes[at]) {
            at += 1;
            continue;
        }
        let next = address.wrapping_add(at as u32 + 6);
        let found = u32_at(bytes, at + 2);
        let new = match direction {
            Direction::Settle => found.wrapping_add(next),
            Direction::Unsettle => found.wrapping_sub(next),
        };
        bytes[at + 2..at + 6].copy_from_slice(&new.to_le_bytes());
        at += 6;
    }
}

/// What can be rewritten; `None` if the file is of no known kind, or parts of it lie on each other. Reads only bytes that
/// are no part.
fn parts(file: &[u8]) -> Option<Vec<Part>> {
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
    // What must not be rewritten since it is read here.
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
    let apart = taken.windows(2).all(|pair| pair[0].end <= pair[1].start);
    apart.then_some(parts)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives(file: &[u8]) -> bool {
        let mut copy = file.to_vec();
        settle(&mut copy);
        let changed = copy != file;
        unsettle(&mut copy);
        assert!(copy == file);
        changed
    }

    #[test]
    fn every_file_comes_back_as_it_was() {
        // An executable of some megabytes with all that is rewritten.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(survives(&own));
        for length in [0, 1, 63, 64, 65, 1000, own.len() - 1] {
            survives(&own[..length]);
        }
        assert!(!survives(
            b"no ELF file at all, but one that is longer than the header of one"
        ));
    }

    #[test]
    fn a_file_with_damage_anywhere_comes_back_as_it_was() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let table = u64_at(&own, 40) as usize;
        let sections = usize::from(u16_at(&own, 60)) * 64;
        // xorshift (Marsaglia 2003).
        let mut state = 0x5eed_u64;
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit as u64) as usize
        };
        for round in 0..60 {
            let mut damaged = own.clone();
            for _ in 0..=below(8) {
                // Mostly where it is decided what is rewritten.
                let at = match round % 3 {
                    0 => below(64),
                    1 => table + below(sections),
                    _ => below(own.len()),
                };
                damaged[at] ^= 1 << below(8);
            }
            survives(&damaged);
        }
    }
}
