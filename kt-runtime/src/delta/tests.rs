use super::{
    elf::{u16_at, u64_at},
    settle, unsettle,
};

fn round_trips(file: &[u8]) -> bool {
    let mut copy = file.to_vec();
    settle(&mut copy);
    let changed = copy != file;
    unsettle(&mut copy);
    assert!(copy == file);
    changed
}

#[test]
fn every_file_round_trips() {
    // An executable of some megabytes with all sections that are rewritten.
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(round_trips(&own));
    for length in [0, 1, 63, 64, 65, 1000, own.len() - 1] {
        round_trips(&own[..length]);
    }
    assert!(!round_trips(
        b"no ELF file at all, but one that is longer than the header of one"
    ));
}

#[test]
fn a_damaged_file_round_trips() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let table = u64_at(&own, 40) as usize;
    let sections = usize::from(u16_at(&own, 60)) * 64;
    // xorshift (Marsaglia 2003).
    let mut state = 0x5eed_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    for round in 0..60 {
        let mut damaged = own.clone();
        for _ in 0..=below(8) {
            // Mostly in the headers, which decide what is rewritten.
            let at = match round % 3 {
                0 => below(64),
                1 => table + below(sections),
                _ => below(own.len()),
            };
            damaged[at] ^= 1 << below(8);
        }
        round_trips(&damaged);
    }
}
