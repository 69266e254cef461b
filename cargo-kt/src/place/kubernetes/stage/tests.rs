//! The stage's own decompressor and hash against the crates that the sender uses, and what facts lead to.

use std::path::PathBuf;

use kt::wire::platform::Glibc;

use super::{Facts, HostImage, StageError};

#[path = "program/blake3.rs"]
mod stage_blake3;
#[path = "program/zstd/mod.rs"]
mod stage_zstd;

/// Bytes of many kinds: random ones, runs, text, and copies from near and far.
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
    let mut decoder = Box::new(stage_zstd::Decoder::new());
    let mut output = vec![0; length];
    let mut end = 0;
    while end < compressed.len() {
        end = compressed.len().min(end + step);
        decoder.advance(&compressed[..end], &mut output).ok()?;
    }
    (decoder.is_done() && decoder.produced() == length).then_some(output)
}

#[test]
fn whatever_zstd_compresses_comes_out_again_however_it_arrives() {
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
            let compressed = zstd::bulk::compress(&content, level).unwrap();
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
fn broken_bytes_are_refused_or_give_other_bytes_and_never_more() {
    let content = sample(100_000, 3);
    let compressed = zstd::bulk::compress(&content, 6).unwrap();
    for at in (0..compressed.len()).step_by(7) {
        let mut broken = compressed.clone();
        broken[at] ^= 1 << (at % 8);
        // Neither a panic nor an endless loop; a hash tells the rest.
        let _ = decompress(&broken, content.len(), usize::MAX / 2);
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
        let mut hasher = stage_blake3::Hasher::new();
        for piece in content.chunks(777) {
            hasher.update(piece);
        }
        assert_eq!(
            hasher.finish(),
            *blake3::hash(&content).as_bytes(),
            "{length}"
        );
    }
}

fn image() -> HostImage {
    let hash = [0_u8; 32];
    serde_json::from_value(serde_json::json!({
        "format": 1, "path": PathBuf::from("/h"), "hash": hash, "length": 1000, "compressed": 100,
        "architecture": "x86_64", "glibc": [2, 34], "executable": "/e",
    }))
    .unwrap()
}

#[test]
fn facts_tell_what_keeps_a_host_from_living_there() {
    let good = "stage=1\narch=x86_64\nglibc=2.36\nkernel=6.1\nuid=65532\npage=4096\nfree=5000\nexec=yes\nnew=1\n";
    let facts = Facts::parse(good);
    assert_eq!((facts.glibc, facts.user), (Some(Glibc(2, 36)), Some(65532)));
    facts.check(&image()).unwrap();

    let check = |from: &str, to: &str| {
        let facts = Facts::parse(&good.replace(from, to));
        facts.check(&image()).unwrap_err()
    };
    let error = check("glibc=2.36", "glibc=none");
    assert!(matches!(error, StageError::NoGlibc { musl: false }));
    let error = check("glibc=2.36", "glibc=none\nloader=musl");
    assert!(error.to_string().contains("no glibc but musl"), "{error}");
    let error = check("glibc=2.36", "glibc=none\nloader=aarch64");
    assert!(matches!(error, StageError::OtherImage { theirs, .. } if theirs == "aarch64"));
    let error = check("glibc=2.36", "glibc=2.12").to_string();
    assert!(
        error.contains("glibc 2.12") && error.contains("needs 2.17"),
        "{error}"
    );
    assert!(matches!(
        check("arch=x86_64", "arch=aarch64"),
        StageError::OtherMachine { .. }
    ));
    assert!(matches!(
        check("exec=yes", "exec=no"),
        StageError::NotExecutable
    ));
    assert!(matches!(
        check("free=5000", "free=1099"),
        StageError::NoSpace {
            free: 1099,
            needed: 1100
        }
    ));
}

#[test]
fn a_host_takes_libraries_along_where_the_images_glibc_is_older_than_its_own() {
    let too_old = |glibc: &str| Facts::parse(glibc).is_too_old_for(&image());
    assert!(too_old("glibc=2.31\n"));
    assert!(!too_old("glibc=2.34\n"));
    assert!(!too_old("glibc=2.41\n"));
}

#[test]
fn a_host_for_another_architecture_lies_beside_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("cargo-kt");
    let error = image().beside(&own, "aarch64").unwrap_err().to_string();
    let expected = folder.path().join("cargo-kt-aarch64-unknown-linux-gnu");
    assert!(
        error.contains(expected.to_str().unwrap()) && error.contains("--target aarch64"),
        "{error}"
    );
    // What lies there has to be what its name says, which the facts of the pod are compared with.
    std::fs::copy("/proc/self/exe", &expected).unwrap();
    let mut image = image();
    image.path = folder.path().join("cache/host.zst");
    let found = image.beside(&own, "aarch64").unwrap();
    assert_eq!(found.architecture, std::env::consts::ARCH);
    let facts = Facts::parse("arch=aarch64\nglibc=2.36\nfree=50000000000\n");
    assert!(matches!(
        facts.check(&found),
        Err(StageError::OtherMachine { .. })
    ));
}

/// For `KT_FUZZ_SECONDS`, or so many `KT_FUZZ_CASES`. The target of cargo-fuzz is in `fuzz/`.
#[test]
fn a_stream_of_any_bytes_is_decompressed_or_refused() {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seconds = std::time::Duration::from_secs(setting("KT_FUZZ_SECONDS").unwrap_or(3));
    let cases = setting("KT_FUZZ_CASES");
    let seeds: Vec<Vec<u8>> = [(300, 1), (5000, 3), (9000, 19), (40_000, 7)]
        .map(|(length, level)| zstd::bulk::compress(&sample(length, length as u64), level).unwrap())
        .into();
    let noise = sample(1 << 20, setting("KT_FUZZ_SEED").unwrap_or(0x006b_7400));
    let mut at = 0;
    let mut next = move || {
        at = (at + 4) % (noise.len() - 4);
        let bytes = *noise[at..].first_chunk().unwrap();
        u32::from_le_bytes(bytes) as usize ^ at
    };
    let mut decoder = Box::new(stage_zstd::Decoder::new());
    let mut output = vec![0; 1 << 16];
    let (begun, mut done) = (std::time::Instant::now(), 0);
    while cases.map_or(begun.elapsed() < seconds, |cases| done < cases) {
        let mut bytes = seeds[next() % seeds.len()].clone();
        for _ in 0..next() % 5 {
            let place = next() % bytes.len();
            match next() % 3 {
                0 => bytes[place] ^= 1 << (next() % 8),
                1 => bytes[place] = next() as u8,
                _ => bytes.truncate(place.max(1)),
            }
        }
        *decoder = stage_zstd::Decoder::new();
        let _ = decoder.advance(&bytes, &mut output);
        assert!(decoder.produced() <= output.len());
        done += 1;
    }
    println!("{done} cases in {:?}", begun.elapsed());
}
