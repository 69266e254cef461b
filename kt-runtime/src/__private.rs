//! What the macros expand to. No promise is kept about anything here.

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
        StateDescriptor,
        abilities::{
            AsAnyCell, AsAnything, AsCell, AsCellInCell, AsEntries, AsEntriesInCell,
            AsEntriesInTwoCells, AsShown, AsShownCell, AsThreeCells, AsValue, Probe, leaf::Entries,
            migrate,
        },
        absent,
        cell::{Cell, Found, Held, leave, left, until},
        descriptor::reset,
    },
};

/// What [`breakpoint!`](crate::breakpoint!) expands to.
pub mod breakpoint {
    pub use crate::breakpoint::{passed, reached};
}

/// Whether a module is a program's root.
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
