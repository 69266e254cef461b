//! Finds breakpoints that a debugger left in a process's code.
//!
//! A debugger's breakpoint is a trap instruction, written over the first bytes of another
//! instruction. Mapped code is otherwise never written to, so a trap in memory that is not in the
//! file is a breakpoint.

use std::ops::Range;

/// The trap instruction, as gdb writes it.
#[cfg(not(target_arch = "aarch64"))]
const TRAP: &[u8] = &[0xcc];
/// `brk #0`.
#[cfg(target_arch = "aarch64")]
const TRAP: &[u8] = &[0x00, 0x00, 0x20, 0xd4];

/// Positions where `memory` has a trap instruction and `file` has other bytes. Both must begin at a
/// page boundary.
pub fn breakpoints<'a>(
    memory: &'a [u8],
    file: &'a [u8],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let instructions = memory
        .chunks_exact(TRAP.len())
        .zip(file.chunks_exact(TRAP.len()));
    instructions
        .enumerate()
        .filter(|(_, (memory, file))| *memory == TRAP && *file != TRAP)
        .map(|(index, _)| index * TRAP.len()..(index + 1) * TRAP.len())
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    fn found(memory: &[u8], file: &[u8]) -> Vec<Range<usize>> {
        breakpoints(memory, file).collect()
    }

    #[test]
    fn a_trap_that_is_not_in_the_file_is_a_breakpoint() {
        assert_eq!(
            found(&[0x55, 0xcc, 0x89, 0xcc], &[0x55, 0x48, 0x89, 0xe5]),
            [1..2, 3..4]
        );
    }

    #[test]
    fn the_programs_own_traps_and_other_differences_are_ignored() {
        assert!(found(&[0xcc, 0x90], &[0xcc, 0x48]).is_empty());
    }

    #[test]
    fn bytes_beyond_the_end_of_the_file_are_ignored() {
        let beyond = found(&[0x90, 0xcc, 0xcc], &[0x90, 0x48]);
        assert!(
            matches!(&beyond[..], [range] if *range == (1..2)),
            "{beyond:?}"
        );
        assert!(found(&[0xcc], &[]).is_empty());
    }
}
