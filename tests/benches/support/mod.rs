//! Code that the benchmarks share: copies of workspaces, statistics, tables and the machine's
//! description.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub mod machine;
pub mod milestones;
pub mod numbers;
pub mod table;
pub mod workspace;

use std::{fs, path::PathBuf};

/// The directory of the benchmarks' workspaces and results: `bench` in the target directory.
pub fn directory() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.with_file_name("bench")
}

/// Writes a benchmark's result as `bench/NAME.json` in the target directory.
pub fn write(name: &str, result: &serde_json::Value) {
    let path = directory().join(name).with_extension("json");
    let text = serde_json::to_string_pretty(result).expect("a value is JSON");
    fs::write(&path, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("\nWritten to {}", path.display());
}
