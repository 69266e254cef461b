//! Bits of a byte string, forward from its start or backward from its end.

use super::{Corrupt, Result};

/// Little endian, from the first byte.
pub struct Forward<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Forward<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// The next `count` bits, at most 20.
    pub fn take(&mut self, count: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        let start = self.position / 8;
        self.position += count as usize;
        let end = self.bytes();
        let source = self.data.get(start..end).ok_or(Corrupt)?;
        bytes
            .get_mut(..source.len())
            .ok_or(Corrupt)?
            .copy_from_slice(source);
        let shifted = u32::from_le_bytes(bytes) >> ((self.position - count as usize) % 8);
        Ok(shifted & ((1 << count) - 1))
    }

    /// Un-reads the last bit.
    pub fn unread(&mut self) {
        self.position -= 1;
    }

    /// Bytes read, including a partly read one.
    pub fn bytes(&self) -> usize {
        self.position.div_ceil(8)
    }
}

/// From the bit below the highest set bit of the last byte to the first bit. Bits before the first
/// one are zero.
pub struct Backward<'a> {
    data: &'a [u8],
    left: isize,
}

impl<'a> Backward<'a> {
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let last = *data.last().ok_or(Corrupt)?;
        let padding = last.checked_ilog2().ok_or(Corrupt)?;
        let left = (data.len() as isize - 1) * 8 + padding as isize;
        Ok(Self { data, left })
    }

    /// The next `count` bits, at most 31.
    #[inline]
    pub fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek(count);
        self.skip(count);
        bits
    }

    #[inline]
    pub fn peek(&self, count: u32) -> u32 {
        let start = self.left - count as isize;
        let mask = (1_u64 << count) - 1;
        if start < 0 {
            let missing = -start as u32;
            return match missing < count {
                true => (self.window(0) & (mask >> missing)) as u32 * (1 << missing),
                false => 0,
            };
        }
        (self.window(start as usize) & mask) as u32
    }

    #[inline]
    pub fn skip(&mut self, count: u32) {
        self.left -= count as isize;
    }

    /// Remaining bits; negative after reading past the first bit.
    pub fn left(&self) -> isize {
        self.left
    }

    /// At least 57 bits, from bit `start`.
    #[inline]
    fn window(&self, start: usize) -> u64 {
        let rest = self.data.get(start / 8..).unwrap_or_default();
        let bytes = match rest.first_chunk::<8>() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; 8];
                for (to, from) in bytes.iter_mut().zip(rest) {
                    *to = *from;
                }
                bytes
            }
        };
        u64::from_le_bytes(bytes) >> (start % 8)
    }
}
