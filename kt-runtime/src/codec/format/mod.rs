//! A self-describing encoding of state values for migrations, `cargo kt state` and saved files.
//!
//! No existing format keeps everything: CBOR and MessagePack, as serde writes them, encode
//! `Some(None)` like `None`, and some change the bits of a NaN. A migration must not lose data
//! silently, so this format has a separate tag for everything that serde's data model
//! distinguishes. Fields and variants are stored by name, and each name is written once.
//!
//! | tag | content |
//! |---|---|
//! | `Unit`, `False`, `True`, `None`, `End` | none |
//! | `Unsigned` | LEB128 of up to 64 bits |
//! | `Negative` | LEB128 of `-1 - n` |
//! | `Unsigned128`, `Signed128`, `F32`, `F64` | 16, 16, 4, 8 bytes, little endian |
//! | `Char` | LEB128 |
//! | `Str`, `Bytes` | LEB128 length, bytes |
//! | `Name` | LEB128 length, bytes: the next of the names |
//! | `Known` | LEB128 index of a name |
//! | `Some` | a value |
//! | `Seq` | values, `End` |
//! | `Map` | keys and values by turns, `End`; a struct is a map whose keys are names |
//! | `Variant` | a name and a value; `End` in place of the value of a unit variant |

mod decode;
mod encode;
mod error;
#[cfg(test)]
mod tests;

pub use decode::Decoder;
pub use encode::{Encoder, SinkClosed};
pub use error::FormatError;

use super::thread::DEPTH;
pub use super::thread::STACK;

/// Bytes per chunk.
const CHUNK: usize = 64 << 10;

/// The reader that a value is encoded for. Types may choose by it: an address is a string for
/// people and four bytes for programs. What a person writes is JSON, which has fewer types: a
/// string is accepted where a number is required, as in object keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Program,
    Person,
    /// The other side of a call. Every type that `serde_json` supports is supported, in the
    /// human-readable form of its `Serialize` and `Deserialize`. Values that JSON would conflate
    /// stay distinct.
    Peer,
}

impl Reader {
    /// serde's `is_human_readable`. True for a peer too: serde reads flattened and untagged types
    /// from a buffer that always reports true.
    fn is_human(self) -> bool {
        self != Self::Program
    }
}

/// The kind of the next bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    End,
    Unit,
    False,
    True,
    Unsigned,
    Negative,
    Unsigned128,
    Signed128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Name,
    Known,
    None,
    Some,
    Seq,
    Map,
    Variant,
}

impl Tag {
    const ALL: [Self; 20] = [
        Self::End,
        Self::Unit,
        Self::False,
        Self::True,
        Self::Unsigned,
        Self::Negative,
        Self::Unsigned128,
        Self::Signed128,
        Self::F32,
        Self::F64,
        Self::Char,
        Self::Str,
        Self::Bytes,
        Self::Name,
        Self::Known,
        Self::None,
        Self::Some,
        Self::Seq,
        Self::Map,
        Self::Variant,
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}
