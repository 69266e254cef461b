//! Huffman-coded literals (RFC 8878, 4.2).

use super::{Corrupt, Result, bits::Backward, fse};

/// Longest code, bits.
const LONGEST: u32 = 11;
/// Largest accuracy of the table for weights.
const WEIGHTS: u32 = 6;

#[derive(Clone, Copy)]
struct Entry {
    symbol: u8,
    bits: u8,
}

/// Decoding table, indexed by the next bits. Blocks without a table use the last one.
pub struct Huffman {
    /// Longest code in bits; 0 before the first table.
    longest: u32,
    entries: [Entry; 1 << LONGEST],
    weights: fse::Table,
}

impl Huffman {
    pub const fn new() -> Self {
        let entry = Entry { symbol: 0, bits: 0 };
        Self {
            longest: 0,
            entries: [entry; 1 << LONGEST],
            weights: fse::Table::new(),
        }
    }

    /// Reads a tree's description and returns its length in bytes.
    pub fn read(&mut self, data: &[u8]) -> Result<usize> {
        let (&head, rest) = data.split_first().ok_or(Corrupt)?;
        let mut weights = [0_u8; 256];
        let head = usize::from(head);
        let (count, length) = if head >= 128 {
            let count = head - 127;
            let nibbles = rest.get(..count.div_ceil(2)).ok_or(Corrupt)?;
            for (index, weight) in weights[..count].iter_mut().enumerate() {
                *weight = nibbles[index / 2] >> (4 * (1 - index % 2)) & 15;
            }
            (count, nibbles.len())
        } else {
            let coded = rest.get(..head).ok_or(Corrupt)?;
            (self.read_weights(coded, &mut weights)?, head)
        };
        self.build(&mut weights, count)?;
        Ok(1 + length)
    }

    /// Two states alternate until no bits remain.
    fn read_weights(&mut self, data: &[u8], weights: &mut [u8; 256]) -> Result<usize> {
        let taken = self.weights.read(data, WEIGHTS)?;
        let mut bits = Backward::new(data.get(taken..).ok_or(Corrupt)?)?;
        let table = &self.weights;
        let mut states = [table.start(&mut bits), table.start(&mut bits)];
        let mut count = 0;
        let mut put = |weight| -> Result<()> {
            // The last weight is implied.
            *weights[..255].get_mut(count).ok_or(Corrupt)? = weight;
            count += 1;
            Ok(())
        };
        let mut turn = 0;
        loop {
            put(table.symbol(&states[turn]))?;
            table.step(&mut states[turn], &mut bits);
            turn = 1 - turn;
            if bits.left() < 0 {
                put(table.symbol(&states[turn]))?;
                return Ok(count);
            }
        }
    }

    fn build(&mut self, weights: &mut [u8; 256], count: usize) -> Result<()> {
        let mut sum = 0_u32;
        for &weight in &weights[..count] {
            if u32::from(weight) > LONGEST {
                return Err(Corrupt);
            }
            sum += 1 << weight >> 1;
        }
        let longest = sum.checked_ilog2().ok_or(Corrupt)? + 1;
        let left = (1_u32 << longest) - sum;
        if longest > LONGEST || !left.is_power_of_two() {
            return Err(Corrupt);
        }
        *weights.get_mut(count).ok_or(Corrupt)? = left.ilog2() as u8 + 1;
        let mut place = 0;
        for weight in 1..=longest {
            for (symbol, _) in (0..=count)
                .map(|at| (at, weights[at]))
                .filter(|it| u32::from(it.1) == weight)
            {
                let end = place + (1 << (weight - 1));
                let entry = Entry {
                    symbol: symbol as u8,
                    bits: (longest + 1 - weight) as u8,
                };
                self.entries.get_mut(place..end).ok_or(Corrupt)?.fill(entry);
                place = end;
            }
        }
        self.longest = longest;
        Ok(())
    }

    /// Fills `output` with literals. They must consume the whole stream.
    pub fn decode(&self, stream: &[u8], output: &mut [u8]) -> Result<()> {
        if self.longest == 0 {
            return Err(Corrupt);
        }
        let mut bits = Backward::new(stream)?;
        for byte in output {
            let entry = self.entries[bits.peek(self.longest) as usize % self.entries.len()];
            *byte = entry.symbol;
            bits.skip(entry.bits.into());
        }
        if bits.left() == 0 {
            Ok(())
        } else {
            Err(Corrupt)
        }
    }

    /// Decodes four streams, each into a quarter of the output. The lengths of the first three
    /// precede them.
    pub fn decode_four(&self, data: &[u8], output: &mut [u8]) -> Result<()> {
        let (lengths, mut data) = data.split_at_checked(6).ok_or(Corrupt)?;
        let quarter = output.len().div_ceil(4).max(1);
        let mut streams = output.chunks_mut(quarter);
        for index in 0..4 {
            let length = match lengths.get(2 * index..2 * index + 2) {
                Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
                _ => data.len(),
            };
            let (stream, rest) = data.split_at_checked(length).ok_or(Corrupt)?;
            self.decode(stream, streams.next().ok_or(Corrupt)?)?;
            data = rest;
        }
        Ok(())
    }
}
