//! BLAKE3 of a byte string in pieces: the unkeyed hash of the reference implementation
//! (<https://github.com/BLAKE3-team/BLAKE3>, `reference_impl`).

const IV: [u32; 8] = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
];
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const CHUNK: usize = 1024;
const BLOCK: usize = 64;
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

type Chain = [u32; 8];

pub struct Hasher {
    chain: Chain,
    block: [u8; BLOCK],
    filled: usize,
    /// Compressed blocks of the current chunk.
    blocks: usize,
    chunk: u64,
    /// Roots of complete subtrees, largest first: one per bit set in `chunk`.
    stack: [Chain; 54],
    height: usize,
}

impl Hasher {
    pub const fn new() -> Self {
        Self {
            chain: IV,
            block: [0; BLOCK],
            filled: 0,
            blocks: 0,
            chunk: 0,
            stack: [[0; 8]; 54],
            height: 0,
        }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == BLOCK {
                // More bytes follow, so this block is not the last one.
                match self.blocks == CHUNK / BLOCK - 1 {
                    true => self.end_chunk(),
                    false => self.end_block(),
                }
            }
            let taken = bytes.len().min(BLOCK - self.filled);
            let (now, later) = bytes.split_at(taken);
            self.block[self.filled..self.filled + taken].copy_from_slice(now);
            self.filled += taken;
            bytes = later;
        }
    }

    pub fn finish(&self) -> [u8; 32] {
        let (mut chain, mut words) = (self.chain, words(&self.padded()));
        let (mut counter, mut length) = (self.chunk, self.filled as u32);
        let mut flags = self.start() | CHUNK_END;
        for left in self.stack[..self.height].iter().rev() {
            let right = compress(&chain, &words, counter, length, flags);
            words[..8].copy_from_slice(left);
            words[8..].copy_from_slice(&right);
            (chain, counter, length, flags) = (IV, 0, BLOCK as u32, PARENT);
        }
        let root = compress(&chain, &words, counter, length, flags | ROOT);
        let mut hash = [0; 32];
        for (place, word) in hash.chunks_exact_mut(4).zip(root) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }

    fn start(&self) -> u32 {
        if self.blocks == 0 { CHUNK_START } else { 0 }
    }

    fn padded(&self) -> [u8; BLOCK] {
        let mut block = self.block;
        block[self.filled..].fill(0);
        block
    }

    fn end_block(&mut self) {
        let words = words(&self.block);
        self.chain = compress(&self.chain, &words, self.chunk, BLOCK as u32, self.start());
        self.blocks += 1;
        self.filled = 0;
    }

    fn end_chunk(&mut self) {
        let flags = self.start() | CHUNK_END;
        let words = words(&self.block);
        let mut root = compress(&self.chain, &words, self.chunk, BLOCK as u32, flags);
        self.chunk += 1;
        // Each trailing zero of the number of chunks completes one subtree.
        for _ in 0..self.chunk.trailing_zeros() {
            self.height -= 1;
            let mut both = [0; 16];
            both[..8].copy_from_slice(&self.stack[self.height]);
            both[8..].copy_from_slice(&root);
            root = compress(&IV, &both, 0, BLOCK as u32, PARENT);
        }
        self.stack[self.height] = root;
        self.height += 1;
        (self.chain, self.blocks, self.filled) = (IV, 0, 0);
    }
}

fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

fn compress(chain: &Chain, block: &[u32; 16], counter: u64, length: u32, flags: u32) -> Chain {
    let mut state = [0; 16];
    state[..8].copy_from_slice(chain);
    state[8..12].copy_from_slice(&IV[..4]);
    state[12..].copy_from_slice(&[counter as u32, (counter >> 32) as u32, length, flags]);
    let mut words = *block;
    for round in 0..7 {
        if round > 0 {
            words = PERMUTATION.map(|from| words[from]);
        }
        for column in 0..4 {
            let places = [column, 4 + column, 8 + column, 12 + column];
            mix(&mut state, places, words[2 * column], words[2 * column + 1]);
        }
        for diagonal in 0..4 {
            let places = [
                diagonal,
                4 + (diagonal + 1) % 4,
                8 + (diagonal + 2) % 4,
                12 + (diagonal + 3) % 4,
            ];
            mix(
                &mut state,
                places,
                words[8 + 2 * diagonal],
                words[9 + 2 * diagonal],
            );
        }
    }
    core::array::from_fn(|at| state[at] ^ state[at + 8])
}

#[inline(always)]
fn mix(state: &mut [u32; 16], [a, b, c, d]: [usize; 4], x: u32, y: u32) {
    for (word, turns) in [(x, [16, 12]), (y, [8, 7])] {
        state[a] = state[a].wrapping_add(state[b]).wrapping_add(word);
        state[d] = (state[d] ^ state[a]).rotate_right(turns[0]);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_right(turns[1]);
    }
}
