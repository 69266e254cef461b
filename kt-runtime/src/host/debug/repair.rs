//! Which bytes of a process's code a debugger has left there.
//!
//! A debugger's breakpoint is the instruction that traps, written over the first bytes of another. Code that is mapped from a file
//! is never written to otherwise, so what traps in memory and not in the file is one.

use std::ops::Range;

/// The instruction that traps, as gdb writes it.
#[cfg(not(target_arch = "aarch64"))]
const TRAP: &[u8] = &[0xcc];
/// `brk #0`.
#[cfg(target_arch = "aarch64")]
const TRAP: &[u8] = &[0x00, 0x00, 0x20, 0xd4];

/// Where `memory` has an instruction that traps and `file` has another, each as long as that instruction. Both begin at a page.
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
    fn a_trap_that_the_file_has_not_is_a_breakpoint() {
        assert_eq!(
            found(&[0x55, 0xcc, 0x89, 0xcc], &[0x55, 0x48, 0x89, 0xe5]),
            [1..2, 3..4]
        );
    }

    #[test]
    fn a_trap_of_the_programs_own_and_other_differences_are_left_alone() {
        assert_eq!(found(&[0xcc, 0x90], &[0xcc, 0x48]), []);
    }

    #[test]
    fn what_lies_beyond_the_end_of_the_file_is_left_alone() {
        let beyond = found(&[0x90, 0xcc, 0xcc], &[0x90, 0x48]);
        assert!(
            matches!(&beyond[..], [range] if *range == (1..2)),
            "{beyond:?}"
        );
        assert_eq!(found(&[0xcc], &[]), []);
    }
}
