//! The addresses on this thread's stack, from the unwinder that Rust's panics use (libgcc_s or
//! libunwind; the interface is level I of the Itanium C++ ABI). std's `Backtrace` does not expose
//! addresses, and only the developer's machine can symbolize them.

use std::ffi::{c_int, c_void};

type Visit = extern "C" fn(context: *mut c_void, state: *mut c_void) -> c_int;

unsafe extern "C" {
    fn _Unwind_Backtrace(visit: Visit, state: *mut c_void) -> c_int;
    fn _Unwind_GetIPInfo(context: *mut c_void, before: *mut c_int) -> usize;
}

const CONTINUE: c_int = 0;
const STOP: c_int = 5;

struct Trace {
    addresses: Vec<usize>,
    limit: usize,
}

/// At most `limit` instruction addresses, innermost first. Each address is inside the call
/// instruction, not after it.
pub fn trace(limit: usize) -> Vec<usize> {
    extern "C" fn visit(context: *mut c_void, state: *mut c_void) -> c_int {
        // SAFETY: `state` is the `Trace` below, which only this function touches while
        // `_Unwind_Backtrace` runs.
        let trace = unsafe { &mut *state.cast::<Trace>() };
        let mut before = 0;
        // SAFETY: the unwinder passes a context that is valid during this call.
        let address = unsafe { _Unwind_GetIPInfo(context, &raw mut before) };
        if address == 0 || trace.addresses.len() == trace.limit {
            return STOP;
        }
        // A return address belongs to the line after the call; signal frames are exact, which
        // `before` reports.
        trace
            .addresses
            .push(if before == 0 { address - 1 } else { address });
        CONTINUE
    }
    let mut trace = Trace {
        addresses: Vec::with_capacity(limit.min(64)),
        limit,
    };
    // SAFETY: `visit` does not unwind, and `trace` outlives the call.
    unsafe { _Unwind_Backtrace(visit, (&raw mut trace).cast()) };
    trace.addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_frames_up_to_the_limit() {
        assert!(trace(100).len() > 3);
        assert_eq!(trace(2).len(), 2);
    }
}
