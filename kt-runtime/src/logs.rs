//! The log of a service: the output of its workers, in segment files of one directory. A segment's
//! name is the position of its first byte, counted from the service's start, in 20 decimal digits.
//! Workers write it. The host reads it, and appends what a dead worker left in its pipes. A
//! replaced worker that finishes its calls may write concurrently with the new one.

#[cfg(feature = "host")]
mod pieces;
#[cfg(feature = "host")]
mod read;
mod sources;
mod times;
mod write;

use std::{fs, io, path::Path};

#[cfg(feature = "host")]
pub use pieces::PieceReader;
#[cfg(feature = "host")]
pub use read::LogReader;
pub use write::LogWriter;

/// Size in bytes at which the next segment starts.
const SEGMENT: u64 = 4 << 20;
/// How many segments are kept.
const KEPT: usize = 4;

fn name(position: u64) -> String {
    format!("{position:020}")
}

/// Positions of the existing segments, oldest first.
fn segments(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let file = entry?.file_name();
        let position: Option<u64> = file
            .to_str()
            .filter(|text| text.len() == 20)
            .and_then(|text| text.parse().ok());
        found.extend(position);
    }
    found.sort_unstable();
    Ok(found)
}
