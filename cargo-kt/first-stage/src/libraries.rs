//! The libraries that a client sends with the host if the image's glibc is too old. They are
//! appended to the host, where neither the kernel nor a dynamic linker reads:
//!
//! ```text
//! host | files | entries: name [u8; 32], offset u64 LE, length u64 LE
//!      | number of entries u64 LE | "KT-LIBS1"
//! ```
//! They are unpacked at each start, so the hash of the host covers all executed code.

use crate::{
    files::{Files, Path},
    sys::{self, Errno, Map, Open, Result},
};

const MAGIC: &[u8; 8] = b"KT-LIBS1";
const NAME: usize = 32;
const ENTRY: usize = NAME + 8 + 8;
/// The file of the dynamic linker.
pub const LOADER: &str = "/ld.so";

/// Unpacks the libraries of the host in the data directory. Returns whether it has any.
pub fn unpack(files: &Files) -> Result<bool> {
    let host = sys::open(files.host().c_str(), Open::Read)?;
    let content = Map::of(&host)?;
    let Some(table) = table(&content) else {
        return Ok(false);
    };
    sys::create_directory(files.libraries("").c_str())?;
    for entry in table.chunks_exact(ENTRY) {
        let (name, range) = entry.split_at(NAME);
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME);
        let (offset, length) = (number(range, 0), number(range, 8));
        let bytes = offset
            .checked_add(length)
            .and_then(|end| content.get(offset..end));
        let bytes = bytes.ok_or(Errno::INVALID)?;
        let mut path: Path = files.libraries("/");
        path.add_bytes(&name[..end]);
        // After a restart of the container the file exists; no process uses it.
        let _ = sys::remove(path.c_str());
        sys::write_all(&sys::open(path.c_str(), Open::Create)?, bytes)?;
    }
    Ok(true)
}

/// The bytes of the entries, if the host has any.
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
