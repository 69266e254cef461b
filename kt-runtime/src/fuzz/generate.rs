//! Nearly valid bytes: mutated seeds, deterministic for each start value.

/// xorshift64*, Vigna 2016.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Less than `end`, which is not zero.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Bytes that are lengths, widths and limits in one of the formats.
const SPECIAL: [&[u8]; 8] = [
    &[253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[253, 0, 0, 0, 0, 0, 1, 0, 0],
    &[252, 0xff, 0xff, 0xff, 0xff],
    &[254, 1],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
    &[0xff],
    &[0],
];

/// A seed with some mutations, or only noise.
pub(super) fn case(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    if seeds.is_empty() || random.below(16) == 0 {
        let length = random.below(200);
        return (0..length).map(|_| random.next() as u8).collect();
    }
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..random.below(6) {
        mutate(random, &mut bytes, seeds);
    }
    bytes
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(8)).min(bytes.len());
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next() as u8,
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let special = SPECIAL[random.below(SPECIAL.len())];
            bytes.splice(at..end.max(at), special.iter().copied());
        }
        5 => {
            let repeated = bytes[at..end].repeat(1 + random.below(20));
            bytes.splice(at..at, repeated);
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
    }
    bytes.truncate(64 << 10);
}
