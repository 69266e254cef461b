//! The libraries that a host brings along where the image's glibc is too old for it. They lie behind its own content, where
//! neither the kernel nor a dynamic linker looks:
//!
//! ```text
//! the host | files | entries: name [u8; 32], offset u64 LE, length u64 LE | their number u64 LE | "KT-LIBS1"
//! ```
//! They are unpacked at each start: what is executed is what the host's hash covers.

use crate::{
    files::{Files, Path},
    sys::{self, Errno, Map, Open, Result},
};

const MAGIC: &[u8; 8] = b"KT-LIBS1";
const NAME: usize = 32;
const ENTRY: usize = NAME + 8 + 8;
/// What the dynamic linker is called among them.
pub const LOADER: &str = "/ld.so";

/// Whether the host in place has libraries with it; they are then in their directory.
pub fn unpack(files: &Files) -> Result<bool> {
    let host = sys::open(files.host().c_str(), Open::Read)?;
    let content = Map::of(&host)?;
    let Some(table) = table(&content) else {
        return Ok(false);
    };
    sys::make_directory(files.libraries("").c_str())?;
    for entry in table.chunks_exact(ENTRY) {
        let (name, place) = entry.split_at(NAME);
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME);
        let (offset, length) = (number(place, 0), number(place, 8));
        let bytes = offset
            .checked_add(length)
            .and_then(|end| content.get(offset..end));
        let bytes = bytes.ok_or(Errno::INVALID)?;
        let mut path: Path = files.libraries("/");
        path.add_bytes(&name[..end]);
        // A restarted container has them already, and nothing that runs.
        let _ = sys::remove(path.c_str());
        sys::write_all(&sys::open(path.c_str(), Open::Create)?, bytes)?;
    }
    Ok(true)
}

/// The entries, if there are any.
fn table(content: &[u8]) -> Option<&[u8]> {
    let rest = content.strip_suffix(MAGIC)?;
    let end = rest.len().checked_sub(8)?;
    let length = number(rest, end).checked_mul(ENTRY)?;
    rest.get(end.checked_sub(length)?..end)
}

fn number(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
    u64::from_le_bytes(word.copied().unwrap_or_default()) as usize
}
