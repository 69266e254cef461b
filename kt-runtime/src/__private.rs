//! Items that macro expansions use. Not covered by any stability promise.

#[cfg(not(any(kt, feature = "host")))]
pub use crate::in_place_only::{CodecError, Decoder, Encoder, Shape};
pub use crate::{
    call::call,
    function::{Function, Remote, Started},
    init::{
        ByDebug, ByDisplay, BySources, BySourcesOfTarget, InitDescriptor, InitRun, Initialized,
    },
    state::Shared,
};
#[cfg(any(kt, feature = "host"))]
pub use crate::{
    codec::{CodecError, Decoder, Encoder},
    shape::Shape,
    state::{
        StateDescriptor, absent,
        cell::{Cell, Found, LockTimeout, leave, left, until},
        descriptor::reset,
        vtable::{
            Probe, SpecializeAny, SpecializeAnyCell, SpecializeCell, SpecializeCellInCell,
            SpecializeDebug, SpecializeDebugCell, SpecializeEntries, SpecializeEntriesInCell,
            SpecializeEntriesInTwoCells, SpecializeThreeCells, SpecializeValue, leaf::Entries,
            migrate,
        },
    },
};

/// Used by the expansion of [`breakpoint!`](crate::breakpoint!).
pub mod breakpoint {
    pub use crate::breakpoint::{passed, reached};
}

/// Whether a module is the crate root.
pub const fn is_root(module_path: &str) -> bool {
    let bytes = module_path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b':' {
            return false;
        }
        at += 1;
    }
    true
}
