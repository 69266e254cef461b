//! The start of the program, which std's runtime does otherwise.

use core::{
    ffi::{CStr, c_char},
    panic::PanicInfo,
};

use super::{exit, print_error, process::PAGE_SIZE};

/// The command line and the environment.
pub struct Arguments {
    count: usize,
    first: *const *const c_char,
    pub(super) environment: *const *const c_char,
}

impl Arguments {
    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        if index >= self.count {
            return None;
        }
        // SAFETY: `first` points to `count` C strings, which the kernel never frees.
        Some(unsafe { CStr::from_ptr(*self.first.add(index)) })
    }
}

/// Runs the program. `_start` calls it with the initial stack.
///
/// # Safety
/// `stack` must be the stack pointer at the process's entry.
pub unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the kernel puts there the number of arguments, that many pointers to C strings, a
    // null, the environment's pointers, a null, and pairs of auxiliary values (`getauxval(3)`). It
    // never frees them.
    let arguments = unsafe {
        let count = *stack;
        let first = stack.add(1).cast::<*const c_char>();
        let environment = first.add(count + 1);
        let mut end = environment;
        while !(*end).is_null() {
            end = end.add(1);
        }
        const AT_PAGESZ: usize = 6;
        let mut auxiliary = end.add(1).cast::<[usize; 2]>();
        while (*auxiliary)[0] != 0 {
            if (*auxiliary)[0] == AT_PAGESZ {
                PAGE_SIZE.store((*auxiliary)[1], core::sync::atomic::Ordering::Relaxed);
            }
            auxiliary = auxiliary.add(1);
        }
        Arguments {
            count,
            first,
            environment,
        }
    };
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
