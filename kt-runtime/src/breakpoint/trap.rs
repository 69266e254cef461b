//! The instruction that stops, with a marker behind it by which the worker's
//! [handler of SIGTRAP](crate::sys) tells it from what a debugger has left in the code.

/// Stops the call that reaches it, for `cargo kt debug`.
///
/// Under `cargo kt run` a remote function that gets here waits for a debugger, and the terminal shows where and how to attach
/// one. Only this call waits. If no debugger attaches within the service's `breakpoint_timeout` (10 minutes by default),
/// the call goes on and a warning is printed. Calls that reach a breakpoint while another call is stopped at one wait for
/// their turn.
///
/// The debugger shows the function around the macro as the innermost frame, with its variables.
///
/// Anywhere else (in `main`, under plain cargo, in a test) it stops for a debugger that is attached already, and does nothing
/// without one.
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
        // SAFETY: a debugger traces this thread and takes the trap; should it detach in between, a handler lets the thread go on
        // behind the instruction. Neither changes a register or memory, unless the person at the debugger does.
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
