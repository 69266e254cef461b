//! Settles an ELF file for a patch: code that only moved looks the same as before.
//!
//! An edit that makes a function longer moves everything behind it, and changes thousands of
//! addresses in symbols, relocations, unwind tables and instructions by the same number. A patch
//! has to list each of them. [`settle`] writes them in a form that does not depend on the move: in
//! tables as the distance from the entry before, in unwind records as the distance from the
//! function before, in instructions that refer to data as the address instead of the distance. A
//! patch is computed from two settled files. [`unsettle`] restores the file. A file that is not ELF
//! of the known kind stays unchanged.
//!
//! Knows only bytes: not stores, connections or zstd.
//!
//! Sources: elf(5); the Linux Standard Base on `.eh_frame` and `.eh_frame_hdr`; Intel's manual,
//! volume 2, on ModR/M.

mod elf;
#[cfg(test)]
mod tests;
mod x86;

use elf::{Kind, Part, parts, u16_at, u32_at};

/// Length of a record in a symbol table or a relocation table, in bytes.
const RECORD: usize = 24;
/// Bytes before the table in `.eh_frame_hdr`.
const FRAME_HEADER: usize = 12;

/// Rewrites a file into the form that patches are computed from.
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
    /// The number to write in place of `found`, and the original number.
    fn distance(self, found: u64, former: u64) -> (u64, u64) {
        match self {
            Self::Settle => (found.wrapping_sub(former), found),
            Self::Unsettle => (found.wrapping_add(former), found.wrapping_add(former)),
        }
    }
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
                // Symbols outside of sections have other numbers there.
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
            Kind::Code => x86::rewrite(part, address, direction),
        }
    }
}

/// Rewrites `fields` (offset and length) of all records for which `counted` holds.
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

/// Each record of `.eh_frame` that describes a function has the function's start, as the distance
/// from the field itself.
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
