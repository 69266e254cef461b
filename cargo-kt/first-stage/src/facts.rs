//! Facts about the image, the node and the data volume, one per line. The client decides by them
//! whether the host can run in the pod (`cargo-kt/src/place/kubernetes/stage/facts.rs`).
//!
//! | line | meaning |
//! |---|---|
//! | `stage=1` | version of these lines |
//! | `arch=x86_64` | architecture of this program and therefore of the node |
//! | `glibc=2.36` | version in the image; `none` without a dynamic linker of this architecture |
//! | `loader=musl` | other dynamic linkers: of musl or of other architectures |
//! | `kernel=`, `uid=`, `page=` | release, effective user, bytes per page |
//! | `free=`, `exec=yes` | data volume: free bytes, and whether its files can be executed |
//! | `problem=` | why the last host could not be started |

use core::ffi::CStr;

use crate::{
    files::Files,
    sys::{self, Map, Open},
    text::Text,
};

pub type Facts = Text<2048>;

/// glibc's dynamic linker: the interpreter in programs of this architecture.
#[cfg(target_arch = "x86_64")]
const LOADER: &CStr = c"/lib64/ld-linux-x86-64.so.2";
#[cfg(target_arch = "aarch64")]
const LOADER: &CStr = c"/lib/ld-linux-aarch64.so.1";

/// Paths of the C library in distributions. The dynamic linker also names most versions.
#[cfg(target_arch = "x86_64")]
const LIBRARIES: [&CStr; 6] = [
    c"/lib/x86_64-linux-gnu/libc.so.6",
    c"/usr/lib/x86_64-linux-gnu/libc.so.6",
    c"/lib64/libc.so.6",
    c"/usr/lib64/libc.so.6",
    c"/usr/lib/libc.so.6",
    LOADER,
];
#[cfg(target_arch = "aarch64")]
const LIBRARIES: [&CStr; 6] = [
    c"/lib/aarch64-linux-gnu/libc.so.6",
    c"/usr/lib/aarch64-linux-gnu/libc.so.6",
    c"/lib64/libc.so.6",
    c"/usr/lib64/libc.so.6",
    c"/usr/lib/libc.so.6",
    LOADER,
];

/// Dynamic linkers that identify an image of another libc or architecture.
const OTHERS: [(&CStr, &str); 6] = [
    (c"/lib/ld-musl-x86_64.so.1", "musl"),
    (c"/lib/ld-musl-aarch64.so.1", "musl"),
    (c"/lib64/ld-linux-x86-64.so.2", "x86_64"),
    (c"/lib/ld-linux-aarch64.so.1", "aarch64"),
    (c"/lib/ld-linux-armhf.so.3", "arm"),
    (c"/lib/ld-linux.so.2", "i386"),
];

pub fn collect(files: &Files, problem: &[u8]) -> Facts {
    let mut facts = Facts::of("stage=1\narch=");
    facts.add(sys::ARCHITECTURE);
    facts.add("\nglibc=");
    match glibc() {
        None => facts.add("none"),
        Some(minor) => {
            facts.add("2.");
            facts.add_number(minor);
        }
    }
    for (path, name) in OTHERS {
        if path != LOADER && sys::exists(path) {
            facts.add("\nloader=");
            facts.add(name);
        }
    }
    let mut release = [0; 65];
    sys::kernel_release(&mut release);
    facts.add("\nkernel=");
    let end = release.iter().position(|&byte| byte == 0).unwrap_or(0);
    facts.add_bytes(&release[..end]);
    facts.add("\nuid=");
    facts.add_number(sys::effective_user());
    facts.add("\npage=");
    facts.add_number(sys::page_size());
    if let Ok(volume) = sys::file_system(files.directory()) {
        facts.add("\nfree=");
        facts.add_number(volume.free);
        facts.add("\nexec=");
        facts.add(if volume.executable { "yes" } else { "no" });
    }
    if !problem.is_empty() {
        facts.add("\nproblem=");
        facts.add_bytes(problem);
    }
    facts.add("\n");
    facts
}

/// Minor version of the image's glibc: the newest version that its files name.
pub fn glibc() -> Option<u64> {
    if !sys::exists(LOADER) {
        return None;
    }
    let library = LIBRARIES.iter().find_map(|path| {
        let file = sys::open(path, Open::Read).ok()?;
        newest(&Map::of(&file).ok()?)
    });
    // The image has a loader and therefore a glibc, but no file names its version: it is old.
    Some(library.unwrap_or(0))
}

/// The highest `2.x` in symbol versions and in glibc's version banner.
fn newest(data: &[u8]) -> Option<u64> {
    const PREFIXES: [&[u8]; 2] = [b"GLIBC_2.", b"release version 2."];
    let mut newest = None;
    for at in 0..data.len() {
        // Compare the first byte alone before the prefixes: the file has megabytes.
        if data[at] != b'G' && data[at] != b'r' {
            continue;
        }
        let rest = &data[at..];
        for prefix in PREFIXES {
            if let Some(digits) = rest.strip_prefix(prefix) {
                newest = newest.max(number(digits));
            }
        }
    }
    newest
}

fn number(digits: &[u8]) -> Option<u64> {
    let count = digits
        .iter()
        .take(3)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let value = digits[..count].iter();
    (count > 0).then(|| value.fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}
