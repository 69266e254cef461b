//! The one place that knows how values become bytes: bincode 2, variable-length integers. Its id travels with every body,
//! so that another codec can stand beside it one day.

use std::fmt;

use bincode::{config, enc::write::Writer, error::EncodeError};
use serde::{Serialize, de::DeserializeOwned};

/// Content type of a body in this codec.
pub const ID: &str = "application/vnd.kt.bincode2";

/// A value that could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// The encoding would be longer than this many bytes.
    TooLarge {
        limit: usize,
    },
    Invalid(String),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "more than {limit} bytes"),
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CodecError {}

/// Encodes values one behind the other, up to a limit.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
    limit: usize,
}

impl Encoder {
    pub fn new(limit: usize) -> Self {
        Self {
            // Most values are short, and to grow byte by byte to a hundred would be five allocations.
            bytes: Vec::with_capacity(128),
            limit,
        }
    }

    /// Appends one value.
    ///
    /// # Errors
    /// If the limit is reached, or the value's `Serialize` fails or needs what a format without field names lacks.
    pub fn put<T: Serialize>(&mut self, value: &T) -> Result<(), CodecError> {
        let mut writer = Limited {
            encoder: self,
            full: false,
        };
        let done = bincode::serde::encode_into_writer(value, &mut writer, config::standard());
        match (done, writer.full) {
            (Ok(()), _) => Ok(()),
            (Err(_), true) => Err(CodecError::TooLarge { limit: self.limit }),
            (Err(error), false) => Err(CodecError::Invalid(error.to_string())),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

struct Limited<'a> {
    encoder: &'a mut Encoder,
    full: bool,
}

impl Writer for Limited<'_> {
    // Called for each byte of a `Vec<u8>`, from the user's own object.
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if self.encoder.bytes.len() + bytes.len() > self.encoder.limit {
            self.full = true;
            return Err(EncodeError::Other("limit reached"));
        }
        self.encoder.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Decodes values one behind the other.
#[derive(Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes one value off the front.
    ///
    /// # Errors
    /// If the bytes end early or are none that `T` encodes to.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        let (value, read) =
            bincode::serde::decode_from_slice(self.rest, config::standard()).map_err(invalid)?;
        self.rest = &self.rest[read..];
        Ok(value)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// If bytes are left: then both ends did not mean the same types.
    pub fn end(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(CodecError::Invalid(format!("{left} bytes too many"))),
        }
    }
}

/// Encodes one value.
///
/// # Errors
/// As [`Encoder::put`].
pub fn encode<T: Serialize>(value: &T, limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut encoder = Encoder::new(limit);
    encoder.put(value)?;
    Ok(encoder.finish())
}

/// Decodes one value that fills all the bytes.
///
/// # Errors
/// As [`Decoder::take`] and [`Decoder::end`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.take()?;
    decoder.end()?;
    Ok(value)
}

fn invalid(error: impl fmt::Display) -> CodecError {
    CodecError::Invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn values_come_back_in_their_order() {
        let map = BTreeMap::from([("key".to_owned(), Some(-1_i64))]);
        let mut encoder = Encoder::new(1000);
        encoder.put(&map).unwrap();
        encoder.put(&u128::MAX).unwrap();
        let bytes = encoder.finish();
        let mut decoder = Decoder::new(&bytes);
        assert_eq!(
            decoder.take::<BTreeMap<String, Option<i64>>>().unwrap(),
            map
        );
        assert_eq!(decoder.take::<u128>().unwrap(), u128::MAX);
        decoder.end().unwrap();
    }

    #[test]
    fn a_value_over_the_limit_is_refused_while_it_is_encoded() {
        assert_eq!(
            encode(&vec![0_u8; 100], 50),
            Err(CodecError::TooLarge { limit: 50 })
        );
    }

    #[test]
    fn bytes_that_are_short_or_left_over_are_errors() {
        let bytes = encode(&"text", 100).unwrap();
        assert!(decode::<String>(&bytes[..3]).is_err());
        assert!(decode::<u8>(&bytes).is_err());
    }
}
