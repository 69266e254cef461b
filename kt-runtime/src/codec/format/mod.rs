//! How a state's value becomes bytes that say what they are: for migrations, `cargo kt state` and saved files.
//!
//! None of the formats at hand keeps everything: CBOR and MessagePack, as serde writes them, make `Some(None)` the same as `None`, and
//! some turn a NaN into another. A migration may lose nothing in silence, so this format has a tag of its own for everything that
//! serde's data model tells on_own_thread; fields and variants go by name, names are written once.
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
pub use encode::{Encoder, Gone};
pub use error::FormatError;

use super::thread::DEPTH;
pub use super::thread::STACK;

/// Bytes that travel at once.
const CHUNK: usize = 64 << 10;

/// Whom a value is written for. Types may choose (an address is a text for people and four bytes for programs), and what a
/// person writes is JSON, which has fewer types: a text stands for a number where one is wanted, as in the keys of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Program,
    Person,
    /// The other end of a call: a type that `serde_json` carries is carried, in the way that its `Serialize` and
    /// `Deserialize` have for people, and nothing that JSON makes the same becomes the same.
    Peer,
}

impl Reader {
    /// What serde's `is_human_readable` says. Also for a peer: serde reads flattened and untagged types from a buffer that
    /// says so whatever the format does.
    fn is_human(self) -> bool {
        self != Self::Program
    }
}

/// What the next bytes are.
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
