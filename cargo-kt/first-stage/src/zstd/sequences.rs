//! Sequences: a number of literals, then a copy of earlier output (RFC 8878, 3.1.1.3.2).

use super::{Corrupt, Result, bits::Backward, fse::Table};

/// Base and number of extra bits of each literals length code (table 13 of the RFC).
const LITERALS: [(u32, u8); 36] = {
    const WIDE: [(u32, u8); 20] = [
        (16, 1),
        (18, 1),
        (20, 1),
        (22, 1),
        (24, 2),
        (28, 2),
        (32, 3),
        (40, 3),
        (48, 4),
        (64, 6),
        (128, 7),
        (256, 8),
        (512, 9),
        (1024, 10),
        (2048, 11),
        (4096, 12),
        (8192, 13),
        (16384, 14),
        (32768, 15),
        (65536, 16),
    ];
    with_plain(WIDE, 0)
};
/// Base and number of extra bits of each match length code (table 14).
const MATCH: [(u32, u8); 53] = {
    const WIDE: [(u32, u8); 21] = [
        (35, 1),
        (37, 1),
        (39, 1),
        (41, 1),
        (43, 2),
        (47, 2),
        (51, 3),
        (59, 3),
        (67, 4),
        (83, 4),
        (99, 5),
        (131, 7),
        (259, 8),
        (515, 9),
        (1027, 10),
        (2051, 11),
        (4099, 12),
        (8195, 13),
        (16387, 14),
        (32771, 15),
        (65539, 16),
    ];
    with_plain(WIDE, 3)
};
/// The predefined tables (3.1.1.3.2.2).
const LITERALS_COUNTS: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const MATCH_COUNTS: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_COUNTS: [i16; 29] = [
    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
];

/// Codes without extra bits, whose value is the code plus `more`, then the codes of `wide`.
const fn with_plain<const WIDE: usize, const ALL: usize>(
    wide: [(u32, u8); WIDE],
    more: u32,
) -> [(u32, u8); ALL] {
    let mut all = [(0, 0); ALL];
    let mut code = 0;
    while code < ALL {
        all[code] = match code < ALL - WIDE {
            true => (code as u32 + more, 0),
            false => wide[code - (ALL - WIDE)],
        };
        code += 1;
    }
    all
}

/// Tables and recent offsets, which the next block may reuse.
pub struct Sequences {
    literals: Table,
    offsets: Table,
    matches: Table,
    recent: [usize; 3],
}

impl Sequences {
    pub const fn new() -> Self {
        Self {
            literals: Table::new(),
            offsets: Table::new(),
            matches: Table::new(),
            recent: [1, 4, 8],
        }
    }

    /// Executes the sequences of a block and returns the next position in `output`.
    pub fn run(
        &mut self,
        data: &[u8],
        literals: &[u8],
        output: &mut [u8],
        mut position: usize,
    ) -> Result<usize> {
        let (count, stream) = self.head(data)?;
        let mut rest = literals;
        if count > 0 {
            let mut bits = Backward::new(stream)?;
            let mut literal = self.literals.start(&mut bits);
            let mut offset = self.offsets.start(&mut bits);
            let mut matched = self.matches.start(&mut bits);
            for index in 0..count {
                let code = u32::from(self.offsets.symbol(&offset));
                if code > 31 {
                    return Err(Corrupt);
                }
                let distance = (1_usize << code) + bits.take(code) as usize;
                let length = self::length(&MATCH, self.matches.symbol(&matched), &mut bits)?;
                let plain = self::length(&LITERALS, self.literals.symbol(&literal), &mut bits)?;
                if index + 1 < count {
                    self.literals.step(&mut literal, &mut bits);
                    self.matches.step(&mut matched, &mut bits);
                    self.offsets.step(&mut offset, &mut bits);
                }
                let (head, tail) = rest.split_at_checked(plain).ok_or(Corrupt)?;
                rest = tail;
                position = put(output, position, head)?;
                let distance = self.distance(distance, plain == 0)?;
                position = repeat(output, position, distance, length)?;
            }
            if bits.left() != 0 {
                return Err(Corrupt);
            }
        }
        put(output, position, rest)
    }

    /// Reads the number of sequences and their tables. The rest of the data is the bit stream.
    fn head<'a>(&mut self, data: &'a [u8]) -> Result<(usize, &'a [u8])> {
        let byte = |at: usize| data.get(at).map(|&byte| usize::from(byte)).ok_or(Corrupt);
        let (count, mut at) = match byte(0)? {
            0 => return Ok((0, &[])),
            first @ ..128 => (first, 1),
            255 => (byte(1)? + (byte(2)? << 8) + 0x7F00, 3),
            first => (((first - 128) << 8) + byte(1)?, 2),
        };
        let modes = byte(at)?;
        at += 1;
        for (table, mode, counts, predefined, most) in [
            (&mut self.literals, modes >> 6, &LITERALS_COUNTS[..], 6, 9),
            (&mut self.offsets, modes >> 4 & 3, &OFFSET_COUNTS, 5, 8),
            (&mut self.matches, modes >> 2 & 3, &MATCH_COUNTS, 6, 9),
        ] {
            match mode {
                0 => table.set(predefined, counts)?,
                1 => {
                    table.set_single(byte(at)? as u8);
                    at += 1;
                }
                2 => at += table.read(data.get(at..).ok_or(Corrupt)?, most)?,
                _ if table.is_set() => {}
                _ => return Err(Corrupt),
            }
        }
        Ok((count, data.get(at..).ok_or(Corrupt)?))
    }

    /// Resolves a coded distance: one of the last three, or a new one (3.1.1.5).
    fn distance(&mut self, coded: usize, no_literals: bool) -> Result<usize> {
        let [first, second, third] = self.recent;
        if coded > 3 {
            self.recent = [coded - 3, first, second];
            return Ok(coded - 3);
        }
        let distance = match coded - 1 + usize::from(no_literals) {
            0 => return Ok(first),
            1 => {
                self.recent = [second, first, third];
                return Ok(second);
            }
            2 => third,
            _ => first - 1,
        };
        if distance == 0 {
            return Err(Corrupt);
        }
        self.recent = [distance, first, second];
        Ok(distance)
    }
}

#[inline]
fn length<const CODES: usize>(
    table: &[(u32, u8); CODES],
    code: u8,
    bits: &mut Backward<'_>,
) -> Result<usize> {
    let &(base, more) = table.get(usize::from(code)).ok_or(Corrupt)?;
    Ok(base as usize + bits.take(more.into()) as usize)
}

fn put(output: &mut [u8], position: usize, bytes: &[u8]) -> Result<usize> {
    let end = position + bytes.len();
    let place = output.get_mut(position..end).ok_or(Corrupt)?;
    place.copy_from_slice(bytes);
    Ok(end)
}

/// Copies `length` bytes from `distance` before `position`. Overlapping ranges repeat the bytes.
fn repeat(output: &mut [u8], position: usize, distance: usize, length: usize) -> Result<usize> {
    let start = position.checked_sub(distance).ok_or(Corrupt)?;
    let end = position + length;
    if distance >= length {
        let (before, place) = output.split_at_mut_checked(position).ok_or(Corrupt)?;
        let place = place.get_mut(..length).ok_or(Corrupt)?;
        place.copy_from_slice(&before[start..start + length]);
        return Ok(end);
    }
    let place = output.get_mut(start..end).ok_or(Corrupt)?;
    for at in distance..place.len() {
        place[at] = place[at - distance];
    }
    Ok(end)
}
