//! The decompressor and the hash against the crates that the sender uses, and the memory functions
//! against slices.

use crate::{blake3::Hasher, sys, zstd::Decoder};

/// Random bytes, runs, text, and copies from short and long distances.
fn sample(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    };
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < length {
        let count = next() as usize % 3000;
        match next() % 5 {
            0 => bytes.extend((0..count).map(|_| next() as u8)),
            1 => bytes.extend(std::iter::repeat_n(next() as u8, count * 20)),
            2 => bytes.extend((0..count).map(|_| b'a' + (next() % 7 * (next() % 3)) as u8)),
            _ if bytes.is_empty() => {}
            _ => {
                let from = next() as usize % bytes.len();
                let end = bytes.len().min(from + count);
                bytes.extend_from_within(from..end);
            }
        }
    }
    bytes.truncate(length);
    bytes
}

fn decompress(compressed: &[u8], length: usize, step: usize) -> Option<Vec<u8>> {
    let mut decoder = Box::new(Decoder::new());
    let mut output = vec![0; length];
    let mut end = 0;
    while end < compressed.len() {
        end = compressed.len().min(end + step);
        decoder.advance(&compressed[..end], &mut output).ok()?;
    }
    (decoder.is_done() && decoder.produced() == length).then_some(output)
}

#[test]
fn decompresses_all_output_of_zstd_in_pieces() {
    let executable = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let part = &executable[..executable.len().min(6 << 20)];
    let mut samples: Vec<Vec<u8>> = [0, 1, 2, 255, 256, 1 << 16, 300_000, 3_000_000]
        .into_iter()
        .enumerate()
        .map(|(seed, length)| sample(length, seed as u64 + 7))
        .collect();
    samples.push(part.to_vec());
    for content in samples {
        for level in [-5, 1, 3, 6, 12, 19] {
            if level == 19 && content.len() > 1 << 20 {
                continue;
            }
            let compressed = ::zstd::bulk::compress(&content, level).unwrap();
            let step = 1 + compressed.len() / 13;
            assert!(
                decompress(&compressed, content.len(), step).as_deref() == Some(&content),
                "{} bytes at level {level}",
                content.len()
            );
        }
    }
}

#[test]
fn corrupt_input_is_an_error_or_other_output_of_at_most_the_same_length() {
    let content = sample(100_000, 3);
    let compressed = ::zstd::bulk::compress(&content, 6).unwrap();
    for at in (0..compressed.len()).step_by(7) {
        let mut corrupt = compressed.clone();
        corrupt[at] ^= 1 << (at % 8);
        // It must neither panic nor loop forever. The hash detects other output.
        let _ = decompress(&corrupt, content.len(), usize::MAX / 2);
        assert_eq!(
            decompress(&compressed[..at], content.len(), usize::MAX / 2),
            None
        );
    }
    assert_eq!(
        decompress(&compressed, content.len() - 1, usize::MAX / 2),
        None
    );
}

#[test]
fn the_hash_is_blake3() {
    for length in [
        0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 5000, 31744, 100_000,
    ] {
        let content = sample(length, length as u64);
        let mut hasher = Hasher::new();
        for piece in content.chunks(777) {
            hasher.update(piece);
        }
        assert_eq!(
            hasher.finish(),
            *::blake3::hash(&content).as_bytes(),
            "{length}"
        );
    }
}

/// For `KT_FUZZ_SECONDS` seconds, or `KT_FUZZ_CASES` cases. The target of cargo-fuzz is in `fuzz/`.
#[test]
fn any_bytes_are_decompressed_or_rejected() {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seconds = std::time::Duration::from_secs(setting("KT_FUZZ_SECONDS").unwrap_or(3));
    let cases = setting("KT_FUZZ_CASES");
    let seeds: Vec<Vec<u8>> = [(300, 1), (5000, 3), (9000, 19), (40_000, 7)]
        .map(|(length, level)| {
            ::zstd::bulk::compress(&sample(length, length as u64), level).unwrap()
        })
        .into();
    let noise = sample(1 << 20, setting("KT_FUZZ_SEED").unwrap_or(0x006b_7400));
    let mut at = 0;
    let mut next = move || {
        at = (at + 4) % (noise.len() - 4);
        let bytes = *noise[at..].first_chunk().unwrap();
        u32::from_le_bytes(bytes) as usize ^ at
    };
    let mut decoder = Box::new(Decoder::new());
    let mut output = vec![0; 1 << 16];
    let (start, mut done) = (std::time::Instant::now(), 0);
    while cases.map_or(start.elapsed() < seconds, |cases| done < cases) {
        let mut bytes = seeds[next() % seeds.len()].clone();
        for _ in 0..next() % 5 {
            let place = next() % bytes.len();
            match next() % 3 {
                0 => bytes[place] ^= 1 << (next() % 8),
                1 => bytes[place] = next() as u8,
                _ => bytes.truncate(place.max(1)),
            }
        }
        *decoder = Decoder::new();
        let _ = decoder.advance(&bytes, &mut output);
        assert!(decoder.produced() <= output.len());
        done += 1;
    }
    println!("{done} cases in {:?}", start.elapsed());
}

#[cfg(target_arch = "aarch64")]
use sys::aarch64::{memcpy, memmove, memset};
#[cfg(target_arch = "x86_64")]
use sys::x86_64::{memcpy, memmove, memset};

#[test]
#[expect(unsafe_code, reason = "calls C's memory functions")]
fn memory_functions_agree_with_slices() {
    let original = sample(200, 5);
    for count in [0, 1, 7, 15, 16, 17, 31, 32, 33, 64, 100] {
        for (from, to) in [(0, 0), (0, 1), (0, 17), (1, 0), (40, 7), (3, 90)] {
            let mut expected = original.clone();
            expected.copy_within(from..from + count, to);
            let mut moved = original.clone();
            let start = moved.as_mut_ptr();
            // SAFETY: both ranges are within the vector.
            unsafe { memmove(start.add(to), start.add(from), count) };
            assert_eq!(moved, expected, "{count} bytes from {from} to {to}");
        }
        let mut copied = vec![0xAA; 200];
        // SAFETY: the ranges are within two vectors.
        unsafe { memcpy(copied.as_mut_ptr().add(9), original.as_ptr(), count) };
        assert_eq!(copied[9..9 + count], original[..count]);
        // SAFETY: the range is within the vector.
        unsafe { memset(copied.as_mut_ptr().add(9), 0x1C3, count) };
        assert_eq!(copied[9..9 + count], vec![0xC3; count]);
        assert!(copied[..9].iter().all(|&byte| byte == 0xAA));
        assert!(copied[9 + count..].iter().all(|&byte| byte == 0xAA));
    }
}

#[test]
#[expect(unsafe_code, reason = "calls C's string functions")]
fn comparisons_agree_with_slices() {
    for (one, other) in [
        ("", ""),
        ("a", "b"),
        ("ab\u{80}", "ab\u{7f}"),
        ("same", "same"),
    ] {
        let count = one.len().min(other.len());
        let (a, b) = (one.as_bytes(), other.as_bytes());
        // SAFETY: both slices have at least `count` bytes.
        let order = unsafe { sys::strings::memcmp(a.as_ptr(), b.as_ptr(), count) };
        assert_eq!(order.cmp(&0), a[..count].cmp(&b[..count]));
        // SAFETY: as above.
        let differs = unsafe { sys::strings::bcmp(a.as_ptr(), b.as_ptr(), count) } != 0;
        assert_eq!(differs, a[..count] != b[..count]);
    }
    for text in [c"", c"a", c"/lib64/ld-linux-x86-64.so.2"] {
        // SAFETY: it is a C string.
        let length = unsafe { sys::strings::strlen(text.as_ptr().cast()) };
        assert_eq!(length, text.count_bytes());
    }
}

#[test]
fn a_read_of_a_mapped_file_and_a_descriptor_agree() {
    let folder = std::env::temp_dir().join(format!("kt-first-stage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("file");
    let content = sample(10_000, 11);
    std::fs::write(&path, &content).unwrap();
    let path = std::ffi::CString::new(path.into_os_string().into_encoded_bytes()).unwrap();
    let opened = |how| sys::open(&path, how).map_err(|error| error.0).unwrap();
    assert_eq!(
        *sys::Map::of(&opened(sys::Open::Read)).ok().unwrap(),
        *content
    );
    let mut read = vec![0; 20_000];
    let length = sys::read_full(&opened(sys::Open::Read), &mut read);
    assert_eq!(read[..length.ok().unwrap()], content);
    assert!(sys::exists(&path));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(!sys::exists(&path));
    let error = sys::open(&path, sys::Open::Read).err().unwrap();
    assert_eq!(error.0, 2);
}
