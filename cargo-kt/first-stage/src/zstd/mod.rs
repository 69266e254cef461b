//! Decompresses one zstd frame (RFC 8878) incrementally, without a window buffer: the output is its
//! window. It rejects dictionaries and skippable frames, which the sender does not use.

mod bits;
mod fse;
mod huffman;
mod sequences;

use bits::Forward;
use huffman::Huffman;
use sequences::Sequences;

/// Largest block and therefore most literals, bytes (RFC 8878, 3.1.1.2.4).
const BLOCK: usize = 128 << 10;
const MAGIC: u32 = 0xFD2F_B528;

/// The bytes are not a zstd frame, or its content is larger than the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

pub type Result<T> = core::result::Result<T, Corrupt>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Frame,
    Block,
    End,
}

/// The positions in input and output, and the tables that the next block may reuse.
pub struct Decoder {
    next: Next,
    consumed: usize,
    produced: usize,
    literals: [u8; BLOCK],
    huffman: Huffman,
    sequences: Sequences,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    pub const fn new() -> Self {
        Self {
            next: Next::Frame,
            consumed: 0,
            produced: 0,
            literals: [0; BLOCK],
            huffman: Huffman::new(),
            sequences: Sequences::new(),
        }
    }

    /// Bytes of decompressed output.
    pub fn produced(&self) -> usize {
        self.produced
    }

    pub fn is_done(&self) -> bool {
        self.next == Next::End
    }

    /// Decodes the complete blocks of `input`, which starts with the frame's first byte.
    ///
    /// # Errors
    /// If the input is not a zstd frame, or its content does not fit into `output`.
    pub fn advance(&mut self, input: &[u8], output: &mut [u8]) -> Result<()> {
        if self.next == Next::Frame {
            match header_length(input)? {
                Some(length) if length <= input.len() => self.consumed = length,
                _ => return Ok(()),
            }
            self.next = Next::Block;
        }
        while self.next == Next::Block {
            let rest = input.get(self.consumed..).ok_or(Corrupt)?;
            let Some(&[a, b, c]) = rest.first_chunk::<3>() else {
                return Ok(());
            };
            let head = u32::from_le_bytes([a, b, c, 0]);
            let (last, kind, size) = (head & 1 == 1, head >> 1 & 3, head as usize >> 3);
            let length = if kind == 1 { 1 } else { size };
            let Some(content) = rest.get(3..3 + length) else {
                return Ok(());
            };
            match kind {
                0 => self.put(output, content)?,
                1 => self.fill(output, content[0], size)?,
                2 => self.block(content, output)?,
                _ => return Err(Corrupt),
            }
            self.consumed += 3 + length;
            // Ignore a checksum after the last block: the caller compares the hash of the content.
            if last {
                self.next = Next::End;
            }
        }
        Ok(())
    }

    fn put(&mut self, output: &mut [u8], bytes: &[u8]) -> Result<()> {
        let end = self.produced + bytes.len();
        let place = output.get_mut(self.produced..end).ok_or(Corrupt)?;
        place.copy_from_slice(bytes);
        self.produced = end;
        Ok(())
    }

    fn fill(&mut self, output: &mut [u8], byte: u8, count: usize) -> Result<()> {
        let end = self.produced + count;
        output
            .get_mut(self.produced..end)
            .ok_or(Corrupt)?
            .fill(byte);
        self.produced = end;
        Ok(())
    }

    fn block(&mut self, content: &[u8], output: &mut [u8]) -> Result<()> {
        let (literals, taken) = self.literals(content)?;
        let rest = content.get(taken..).ok_or(Corrupt)?;
        let literals = self.literals.get(..literals).ok_or(Corrupt)?;
        self.produced = self.sequences.run(rest, literals, output, self.produced)?;
        Ok(())
    }

    /// Decodes the literals section. Returns the number of literals and the section's length in
    /// bytes (RFC 8878, 3.1.1.3.1).
    fn literals(&mut self, content: &[u8]) -> Result<(usize, usize)> {
        let first = *content.first().ok_or(Corrupt)?;
        let (kind, format) = (first & 3, first >> 2 & 3);
        let mut head = Forward::new(content);
        head.take(4)?;
        if kind < 2 {
            let (length, bits) = match format {
                1 => (2, 12),
                3 => (3, 20),
                _ => (1, 5),
            };
            // A size of five bits includes the upper bit of the format.
            let size = match bits {
                5 => usize::from(first >> 3),
                bits => head.take(bits)? as usize,
            };
            let place = self.literals.get_mut(..size).ok_or(Corrupt)?;
            if kind == 1 {
                place.fill(*content.get(length).ok_or(Corrupt)?);
                return Ok((size, length + 1));
            }
            place.copy_from_slice(content.get(length..length + size).ok_or(Corrupt)?);
            return Ok((size, length + size));
        }
        let (bits, length) = match format {
            0 | 1 => (10, 3),
            2 => (14, 4),
            _ => (18, 5),
        };
        let size = head.take(bits)? as usize;
        let compressed = head.take(bits)? as usize;
        let mut streams = content.get(length..length + compressed).ok_or(Corrupt)?;
        if kind == 2 {
            let taken = self.huffman.read(streams)?;
            streams = streams.get(taken..).ok_or(Corrupt)?;
        }
        let place = self.literals.get_mut(..size).ok_or(Corrupt)?;
        match format {
            0 => self.huffman.decode(streams, place)?,
            _ => self.huffman.decode_four(streams, place)?,
        }
        Ok((size, length + compressed))
    }
}

/// Length of the frame's header in bytes; `None` if more input is needed (RFC 8878, 3.1.1.1).
fn header_length(input: &[u8]) -> Result<Option<usize>> {
    let Some(magic) = input.first_chunk::<4>() else {
        return Ok(None);
    };
    if u32::from_le_bytes(*magic) != MAGIC {
        return Err(Corrupt);
    }
    let Some(&descriptor) = input.get(4) else {
        return Ok(None);
    };
    let single_segment = descriptor & 0x20 != 0;
    let has_dictionary = descriptor & 3 != 0;
    if has_dictionary || descriptor & 8 != 0 {
        return Err(Corrupt);
    }
    let size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        flag => 1 << flag,
    };
    Ok(Some(5 + usize::from(!single_segment) + size))
}
