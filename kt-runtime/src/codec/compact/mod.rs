//! bincode 2 with its standard configuration, byte for byte:
//! <https://github.com/bincode-org/bincode/blob/v2.0.1/docs/spec.md>.
//!
//! Written here for two reasons. What is decoded is bounded by the bytes that are there, and by
//! nothing else: a length takes no memory before its bytes have come. And the encoder sees each
//! step of a value's `Serialize`, which [`Check`](super::check::Check) compares with what the
//! reader will ask for.

mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;

/// What a first byte says: a number of up to 250 is itself, and of more the width follows.
const U16: u8 = 251;
const U32: u8 = 252;
const U64: u8 = 253;
const U128: u8 = 254;

/// Elements without bytes that one body may have. A sequence of nothing has a length that no bytes
/// stand for.
const EMPTY: usize = 1 << 16;
