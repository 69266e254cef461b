//! Instructions of x86-64 that refer to data.

use super::{Direction, elf::u32_at};

/// Opcodes whose operand may be data at a distance from the instruction: loads, stores, addresses,
/// calls through a table, comparisons, and the second bytes of vector moves.
const OPCODES: [u8; 20] = [
    0x03, 0x10, 0x11, 0x28, 0x29, 0x2e, 0x39, 0x3b, 0x63, 0x6f, 0x7f, 0x80, 0x81, 0x83, 0x89, 0x8b,
    0x8d, 0xb6, 0xc7, 0xff,
];

/// Rewrites operands that are a distance from the instruction pointer. Bytes that only look like
/// such an operand do no harm: the bytes that identify them are not changed, so undoing finds the
/// same ones.
pub(super) fn rewrite(bytes: &mut [u8], address: u32, direction: Direction) {
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
