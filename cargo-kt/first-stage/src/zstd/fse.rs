//! Finite state entropy: tables and states (RFC 8878, 4.1).

use super::{
    Corrupt, Result,
    bits::{Backward, Forward},
};

/// Largest table: literal and match lengths have at most 9 bits of accuracy.
const SIZE: usize = 1 << 9;
/// Most symbols in an alphabet. Match lengths have 53, and Huffman weights at most 12.
const SYMBOLS: usize = 64;

#[derive(Clone, Copy)]
struct Entry {
    symbol: u8,
    bits: u8,
    base: u16,
}

pub struct Table {
    accuracy: u32,
    entries: [Entry; SIZE],
    is_set: bool,
}

impl Table {
    pub const fn new() -> Self {
        let entry = Entry {
            symbol: 0,
            bits: 0,
            base: 0,
        };
        Self {
            accuracy: 0,
            entries: [entry; SIZE],
            is_set: false,
        }
    }

    pub fn is_set(&self) -> bool {
        self.is_set
    }

    /// Builds a table with a single symbol.
    pub fn set_single(&mut self, symbol: u8) {
        self.accuracy = 0;
        self.is_set = true;
        self.entries[0] = Entry {
            symbol,
            bits: 0,
            base: 0,
        };
    }

    /// Builds the table from counts whose sum is a power of two. A count of -1 means "less than 1".
    pub fn set(&mut self, accuracy: u32, counts: &[i16]) -> Result<()> {
        let size = 1_usize << accuracy;
        let entries = self.entries.get_mut(..size).ok_or(Corrupt)?;
        let mut next = [0_u16; SYMBOLS];
        let mut high = size;
        for (symbol, &count) in counts.iter().enumerate() {
            if count == -1 {
                high = high.checked_sub(1).ok_or(Corrupt)?;
                entries[high].symbol = symbol as u8;
                *next.get_mut(symbol).ok_or(Corrupt)? = 1;
            }
        }
        let (step, mut position) = ((size >> 1) + (size >> 3) + 3, 0);
        for (symbol, &count) in counts.iter().enumerate() {
            if count <= 0 {
                continue;
            }
            *next.get_mut(symbol).ok_or(Corrupt)? = count as u16;
            for _ in 0..count {
                entries[position].symbol = symbol as u8;
                loop {
                    position = (position + step) & (size - 1);
                    if position < high || high == 0 {
                        break;
                    }
                }
            }
        }
        if position != 0 {
            return Err(Corrupt);
        }
        for entry in entries {
            let state = next.get_mut(usize::from(entry.symbol)).ok_or(Corrupt)?;
            let log = state.checked_ilog2().ok_or(Corrupt)?;
            let bits = accuracy.checked_sub(log).ok_or(Corrupt)?;
            entry.bits = bits as u8;
            entry.base = ((u32::from(*state) << bits) - size as u32) as u16;
            *state += 1;
        }
        self.accuracy = accuracy;
        self.is_set = true;
        Ok(())
    }

    /// Reads a table's description and returns its length in bytes.
    pub fn read(&mut self, data: &[u8], most_accuracy: u32) -> Result<usize> {
        let mut bits = Forward::new(data);
        let accuracy = bits.take(4)? + 5;
        if accuracy > most_accuracy {
            return Err(Corrupt);
        }
        let (mut counts, mut symbols) = ([0_i16; SYMBOLS], 0);
        let mut remaining = 1_u32 << accuracy;
        while remaining > 0 {
            let width = (remaining + 1).ilog2() + 1;
            let mut value = bits.take(width)?;
            let lower = (1 << (width - 1)) - 1;
            let threshold = (1 << width) - 1 - (remaining + 1);
            if value & lower < threshold {
                bits.unread();
                value &= lower;
            } else if value > lower {
                value -= threshold;
            }
            let count = value as i16 - 1;
            *counts.get_mut(symbols).ok_or(Corrupt)? = count;
            symbols += 1;
            let taken = u32::from(count.unsigned_abs());
            remaining = remaining.checked_sub(taken).ok_or(Corrupt)?;
            if count == 0 {
                loop {
                    let repeat = bits.take(2)?;
                    symbols += repeat as usize;
                    if repeat < 3 {
                        break;
                    }
                }
            }
        }
        self.set(accuracy, counts.get(..symbols).ok_or(Corrupt)?)?;
        Ok(bits.bytes())
    }

    pub fn start(&self, bits: &mut Backward<'_>) -> State {
        State(bits.take(self.accuracy) as usize)
    }

    #[inline]
    pub fn symbol(&self, state: &State) -> u8 {
        self.entries[state.0 % SIZE].symbol
    }

    #[inline]
    pub fn step(&self, state: &mut State, bits: &mut Backward<'_>) {
        let entry = self.entries[state.0 % SIZE];
        state.0 = usize::from(entry.base) + bits.take(entry.bits.into()) as usize;
    }
}

/// An index into a table.
pub struct State(usize);
