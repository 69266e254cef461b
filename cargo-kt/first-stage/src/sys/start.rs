//! The start of the program, which std's runtime does for other programs.

use core::panic::PanicInfo;

use super::{Arguments, exit, print_error};

// At the entry the stack pointer is 16-byte aligned and points to the number of arguments (System V
// ABI for AMD64, 3.4.1).
#[cfg(all(freestanding, target_arch = "x86_64"))]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    entry = sym entry,
);

// The same on AArch64, where the hardware requires the alignment.
#[cfg(all(freestanding, target_arch = "aarch64"))]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "bl {entry}",
    "brk #1",
    entry = sym entry,
);

/// Runs the program.
///
/// # Safety
/// `stack` must be the stack pointer at the process's entry.
pub unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the caller guarantees it.
    let arguments = unsafe { Arguments::from_stack(stack) };
    exit(crate::main(&arguments))
}

/// Stops the program after a panic.
#[cfg_attr(freestanding, panic_handler)]
pub fn panic(_: &PanicInfo<'_>) -> ! {
    print_error(b"kt: the first stage panicked; this is a bug of kt\n");
    exit(101)
}

/// libcore's unwind tables name this symbol. Nothing calls it: panics abort.
#[cfg(freestanding)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
