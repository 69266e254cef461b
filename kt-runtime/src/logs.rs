//! The log of a service: what its workers print, in segments that are files of one directory. A segment's name is the
//! position of its first byte, counted from the service's first, in 20 decimal digits. Workers write, the host reads, and
//! writes what a dead worker left in its pipes; an old worker that finishes its calls may write beside a new one.

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

/// Size at which the next segment is begun, bytes.
const SEGMENT: u64 = 4 << 20;
/// How many segments are kept.
const KEPT: usize = 4;

fn name(position: u64) -> String {
    format!("{position:020}")
}

/// Positions of the segments that are there, oldest first.
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
