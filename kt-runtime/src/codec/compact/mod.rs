//! bincode 2 with its standard configuration, byte for byte:
//! <https://github.com/bincode-org/bincode/blob/v2.0.1/docs/spec.md>.
//!
//! Written here for two reasons. The received bytes alone bound what is decoded: a length allocates
//! no memory before its bytes have arrived. And the encoder sees each
//! step of a value's `Serialize`, which [`Check`](super::check::Check) compares with what the
//! reader will request.

mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;

/// First bytes of numbers: a number of up to 250 is its own first byte, a larger one follows a byte
/// that names its width.
const U16: u8 = 251;
const U32: u8 = 252;
const U64: u8 = 253;
const U128: u8 = 254;

/// Maximum number of elements without bytes in one body: the length of a sequence of empty elements
/// is not bounded by its bytes.
const EMPTY: usize = 1 << 16;
