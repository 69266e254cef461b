//! [`breakpoint!`](crate::breakpoint): stops the call that reaches it, for a debugger.
//!
//! The trap instruction is part of the macro and not of a function, so that a debugger shows the
//! user's own frame on top. This module decides whether to execute it: only in a thread that a
//! debugger traces. A worker first waits for a debugger ([`worker::breakpoint`](crate::worker));
//! any other process checks once and continues.

mod trap;

use crate::debugger;
#[cfg(any(kt, feature = "host"))]
use crate::worker::{self, Location};

/// Whether the calling thread must stop. The macro calls this just before the trap instruction.
#[must_use]
#[cfg_attr(
    not(any(kt, feature = "host")),
    expect(unused_variables, reason = "only a worker reports where a call waits")
)]
pub fn reached<C>(file: &'static str, line: u32, _in_function: &C) -> bool {
    #[cfg(any(kt, feature = "host"))]
    if let Some(worker) = worker::current() {
        return worker.breakpoint(&Location {
            function: function_of::<C>(),
            file,
            line,
        });
    }
    debugger::traces_this_thread()
}

/// The debugger let the call continue.
pub fn passed() {
    #[cfg(any(kt, feature = "host"))]
    if let Some(worker) = worker::current() {
        worker.breakpoint_passed();
    }
}

/// The path of the function that contains a closure. The body of an async function counts as the
/// function.
#[cfg(any(kt, feature = "host"))]
fn function_of<C>() -> &'static str {
    let mut path = std::any::type_name::<C>();
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "host")]
    #[test]
    fn the_function_of_a_breakpoint_is_the_enclosing_one() {
        fn path_of<C>(_: &C) -> &'static str {
            function_of::<C>()
        }
        let here = "kt::breakpoint::tests::the_function_of_a_breakpoint_is_the_enclosing_one";
        assert_eq!(path_of(&|| {}), here);
        let in_closure = || path_of(&|| {});
        assert_eq!(in_closure(), here);
    }

    #[test]
    fn a_breakpoint_does_nothing_without_a_debugger() {
        crate::breakpoint!();
    }
}
