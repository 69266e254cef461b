//! Identifiers in messages.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The blake3 hash of a stored object's bytes: its name in every store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId(pub [u8; 32]);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

/// Not 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseObjectIdError;

impl fmt::Display for ParseObjectIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's id is 64 lowercase hexadecimal digits")
    }
}

impl std::error::Error for ParseObjectIdError {}

impl FromStr for ObjectId {
    type Err = ParseObjectIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(ParseObjectIdError),
        };
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| ParseObjectIdError)?;
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(id))
    }
}

/// One worker process of a service. `instance` counts the workers of a service from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId {
    pub pid: u32,
    pub instance: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_id_survives_its_text_and_nothing_else_parses() {
        let id = ObjectId(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "zz",
            &id.to_string().to_uppercase(),
            &id.to_string()[1..],
        ] {
            assert_eq!(bad.parse::<ObjectId>(), Err(ParseObjectIdError), "{bad}");
        }
    }
}
