//! The code that is mapped into a process, and its repair from outside.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
};

use super::repair;
use crate::host::maps::{self, Mapping};

/// What is compared at once, bytes: a multiple of every page size.
const PIECE: usize = 1 << 20;

/// The files whose code a process has mapped, each once.
pub fn files(pid: u32) -> Vec<String> {
    let maps = maps::read(pid).unwrap_or_default();
    let mut files: Vec<String> = mappings(&maps).map(|it| it.path.to_owned()).collect();
    files.dedup();
    files
}

/// Puts the original instruction in the place of each breakpoint that a debugger has left in a process. Returns how many.
///
/// # Errors
/// If the process's memory cannot be opened: it has ended, or may not be traced. What of it cannot be compared is left as it is.
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
    let (mut there, mut original) = (vec![0; PIECE.min(length)], vec![0; PIECE.min(length)]);
    let mut repaired = 0;
    for start in (0..length).step_by(PIECE) {
        let size = PIECE.min(length - start);
        let address = mapping.start + start as u64;
        // What cannot be read lies beyond the end of the file, or has been unmapped meanwhile.
        let read = read_up_to(memory, &mut there[..size], address);
        let known = read_up_to(file, &mut original[..size], mapping.offset + start as u64);
        for found in repair::breakpoints(&there[..read], &original[..known]) {
            memory.write_all_at(&original[found.clone()], address + found.start as u64)?;
            repaired += 1;
        }
    }
    Ok(repaired)
}

/// Reads as much of a piece as there is.
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

/// The file of a mapping, if its path still leads to it.
fn open(mapping: &Mapping<'_>) -> Option<File> {
    let file = File::open(mapping.path).ok()?;
    let data = file.metadata().ok()?;
    (data.ino() == mapping.inode).then_some(file)
}

/// Those that can be executed and are no one's to write.
fn mappings(maps: &str) -> impl Iterator<Item = Mapping<'_>> {
    let is_code = |it: &Mapping<'_>| it.rights == "r-xp" && it.path.starts_with('/');
    maps::parse(maps).filter(is_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_is_mapped_from_a_file_to_be_executed() {
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
    fn a_breakpoint_is_taken_out_of_a_process_that_nobody_traces() {
        /// Never called: only its code is written to.
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
