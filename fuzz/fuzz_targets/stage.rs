//! The zstd decoder of the first stage.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut decoder = Box::new(kt_first_stage::zstd::Decoder::new());
    let mut output = vec![0; 1 << 16];
    let _ = decoder.advance(data, &mut output);
});
