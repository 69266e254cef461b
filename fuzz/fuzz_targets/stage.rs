//! The zstd decoder of a pod's first stage, which uses no crates.
#![no_main]
#![expect(dead_code, reason = "the first stage uses the rest of the decoder")]

#[path = "../../cargo-kt/src/place/kubernetes/stage/program/zstd/mod.rs"]
mod zstd;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut decoder = Box::new(zstd::Decoder::new());
    let mut output = vec![0; 1 << 16];
    let _ = decoder.advance(data, &mut output);
});
