//! Length-prefixed messages: `u32` little endian, then the encoding.

use bytes::{Buf, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{self, CodecError};

const PREFIX: usize = 4;

/// Encodes a message, prefixed with its length.
///
/// # Errors
/// If the message is longer than `limit` or cannot be encoded.
pub fn encode<T: Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, CodecError> {
    let body = codec::encode(message, limit.min(u32::MAX as usize))?;
    let mut frame = Vec::with_capacity(PREFIX + body.len());
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(body);
    Ok(frame)
}

/// Removes a message from the front of `buffer`; `None` if it is incomplete.
///
/// # Errors
/// If the message announces more than `limit` bytes or cannot be decoded.
pub fn decode<T: DeserializeOwned>(
    buffer: &mut BytesMut,
    limit: usize,
) -> Result<Option<T>, CodecError> {
    let Some(prefix) = buffer.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*prefix) as usize;
    if length > limit {
        return Err(CodecError::TooLarge { limit });
    }
    if buffer.len() < PREFIX + length {
        return Ok(None);
    }
    buffer.advance(PREFIX);
    codec::decode(&buffer.split_to(length)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_any_cut_of_the_stream() {
        let bytes = [encode(&"one", 100).unwrap(), encode(&"two", 100).unwrap()].concat();
        let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
        for byte in bytes {
            buffer.extend([byte]);
            found.extend(decode::<String>(&mut buffer, 100).unwrap());
        }
        assert_eq!(found, ["one", "two"]);
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_before_it_is_read() {
        let mut buffer = BytesMut::from(&1000_u32.to_le_bytes()[..]);
        assert_eq!(
            decode::<String>(&mut buffer, 999),
            Err(CodecError::TooLarge { limit: 999 })
        );
    }
}
