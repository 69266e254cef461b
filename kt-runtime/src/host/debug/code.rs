//! The code that is mapped into a process, and its repair from the host.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use super::repair;
use crate::host::maps::{self, Mapping};

/// Bytes to compare at once: a multiple of every page size.
const PIECE: usize = 1 << 20;

/// The files whose code a process has mapped, each once.
pub fn files(pid: u32) -> Vec<String> {
    let maps = maps::read(pid).unwrap_or_default();
    let mut files: Vec<String> = mappings(&maps).map(|it| it.path.to_owned()).collect();
    files.dedup();
    files
}

/// Restores the original instruction at each breakpoint that a debugger left in a process. Returns
/// how many it restored.
///
/// # Errors
/// If the process's memory cannot be opened: it has exited, or may not be traced. Skips memory that
/// cannot be compared.
pub fn repair(pid: u32) -> io::Result<usize> {
    let maps = maps::read(pid)?;
    let memory = OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/proc/{pid}/mem"))?;
    let mut repaired = 0;
    for mapping in mappings(&maps) {
        let Some(file) = open(&mapping) else {
            continue;
        };
        repaired += repair_mapping(&memory, &file, &mapping)?;
    }
    Ok(repaired)
}

fn repair_mapping(memory: &File, file: &File, mapping: &Mapping<'_>) -> io::Result<usize> {
    let length = usize::try_from(mapping.end - mapping.start).unwrap_or(usize::MAX);
    let (mut current, mut original) = (vec![0; PIECE.min(length)], vec![0; PIECE.min(length)]);
    let mut repaired = 0;
    for start in (0..length).step_by(PIECE) {
        let size = PIECE.min(length - start);
        let address = mapping.start + start as u64;
        // Unreadable bytes are beyond the end of the file, or have been unmapped meanwhile.
        let read = read_up_to(memory, &mut current[..size], address);
        let known = read_up_to(file, &mut original[..size], mapping.offset + start as u64);
        for found in repair::breakpoints(&current[..read], &original[..known]) {
            memory.write_all_at(&original[found.clone()], address + found.start as u64)?;
            repaired += 1;
        }
    }
    Ok(repaired)
}

/// Reads as many bytes as are available.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    read
}

/// The file of a mapping, if its path still refers to the same file.
fn open(mapping: &Mapping<'_>) -> Option<File> {
    let file = File::open(mapping.path).ok()?;
    let data = file.metadata().ok()?;
    (data.ino() == mapping.inode).then_some(file)
}

/// Executable mappings of files that are not writable.
fn mappings(maps: &str) -> impl Iterator<Item = Mapping<'_>> {
    let is_code = |it: &Mapping<'_>| it.rights == "r-xp" && it.path.starts_with('/');
    maps::parse(maps).filter(is_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_an_executable_mapping_of_a_file() {
        let maps = "\
7f1000-7f2000 r--p 00000000 08:01 42                         /opt/a b/libx.so
7f2000-7f4000 r-xp 00001000 08:01 42                         /opt/a b/libx.so
7f4000-7f5000 rw-p 00003000 08:01 42                         /opt/a b/libx.so
7f5000-7f6000 r-xp 00000000 00:00 0                          [vdso]
7f6000-7f7000 r-xp 00000000 00:00 0
";
        let expected = Mapping {
            start: 0x7f2000,
            end: 0x7f4000,
            rights: "r-xp",
            offset: 0x1000,
            inode: 42,
            path: "/opt/a b/libx.so",
        };
        assert_eq!(mappings(maps).collect::<Vec<_>>(), [expected]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_leftover_breakpoint_is_removed_from_a_process() {
        /// Never called while modified: only its code is written to.
        #[inline(never)]
        fn victim(number: u64) -> u64 {
            std::hint::black_box(number) * 3 + 1
        }
        let own = std::process::id();
        let address = victim as fn(u64) -> u64 as usize as u64;
        let mut options = OpenOptions::new();
        let memory = options
            .read(true)
            .write(true)
            .open("/proc/self/mem")
            .unwrap();
        let byte = || {
            let mut byte = [0];
            memory.read_exact_at(&mut byte, address).unwrap();
            byte[0]
        };
        let original = byte();
        memory.write_all_at(&[0xcc], address).unwrap();
        assert_eq!((byte(), repair(own).unwrap()), (0xcc, 1));
        assert_eq!((byte(), repair(own).unwrap()), (original, 0));
        assert_eq!(victim(2), 7);
    }
}
