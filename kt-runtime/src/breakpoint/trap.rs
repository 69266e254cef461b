//! The trap instruction, followed by a marker by which the worker's [SIGTRAP handler](crate::sys)
//! distinguishes it from a debugger's leftover breakpoint.

/// Stops the call that reaches it, for `cargo kt debug`.
///
/// Under `cargo kt run` a remote function that reaches it waits for a debugger, and the terminal
/// shows where it waits and how to attach one. Only this call waits. If no debugger attaches within
/// the service's `breakpoint_timeout` (10 minutes by default), the call continues and a warning is
/// printed. Calls that reach a breakpoint while another call is stopped wait until that call
/// continues.
///
/// The debugger shows the function that contains the macro as the innermost frame, with its
/// variables.
///
/// Everywhere else (in `main`, under plain cargo, in a test) it stops for a debugger that is
/// already attached, and otherwise does nothing.
///
/// ```
/// fn work(name: &str) -> usize {
///     let length = name.len();
///     kt::breakpoint!();
///     length
/// }
/// assert_eq!(work("four"), 4);
/// ```
#[macro_export]
macro_rules! breakpoint {
    () => {
        if $crate::__private::breakpoint::reached(file!(), line!(), &|| {}) {
            $crate::__breakpoint_trap!();
            $crate::__private::breakpoint::passed();
        }
    };
}

#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __breakpoint_trap {
    () => {
        // SAFETY: a debugger traces this thread and takes the trap. If it detaches in between, a
        // handler continues the thread after the instruction. Neither changes a register or memory,
        // unless the user does so in the debugger.
        unsafe {
            ::core::arch::asm!(
                "int3",
                ".byte 0x0f, 0x1f, 0x84, 0x00, 0x6b, 0x74, 0x62, 0x70",
                options(nostack, preserves_flags)
            )
        }
    };
}

#[cfg(target_arch = "aarch64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __breakpoint_trap {
    () => {
        // SAFETY: as on x86_64.
        unsafe { ::core::arch::asm!("brk #0x6b74", options(nostack, preserves_flags)) }
    };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __breakpoint_trap {
    () => {};
}
