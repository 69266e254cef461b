//! The libraries that are sent with the host to an image with an older glibc: the libraries that
//! this process has loaded, and that the host was linked for. The format is in
//! `cargo-kt/first-stage/src/libraries.rs`, which unpacks them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::StageError;
use crate::{
    link::elf::{Dynamic, dynamic},
    linux,
};

/// As in `cargo-kt/first-stage/src/libraries.rs`.
const MAGIC: &[u8; 8] = b"KT-LIBS1";
const NAME: usize = 32;
/// The dynamic linker's name in the format.
const LOADER: &str = "ld.so";

/// Names and contents of the libraries that `host` needs, directly or through other libraries.
///
/// # Errors
/// If this process has not loaded one, or it cannot be read.
pub fn of(host: &Dynamic) -> Result<Vec<(String, Vec<u8>)>, StageError> {
    let own = Path::new(linux::OWN_EXECUTABLE);
    let text = linux::own_mappings().map_err(StageError::io("list the libraries of", own))?;
    let mapped = mapped(&text);
    let mut needed = host.needed.clone();
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut loader = false;
    while let Some(soname) = needed.pop() {
        let is_loader = soname.starts_with("ld-linux");
        let name = if is_loader { LOADER } else { &soname };
        if found.iter().any(|(known, _)| known == name) {
            continue;
        }
        let no_library = |why: &str| StageError::NoLibrary {
            library: soname.clone(),
            why: why.to_owned(),
        };
        let path = mapped.get(soname.as_str());
        let path = path.ok_or_else(|| no_library("this process has not loaded it"))?;
        if name.len() >= NAME {
            return Err(no_library("its name is too long"));
        }
        let content = fs::read(path).map_err(StageError::io("read", path))?;
        let facts = dynamic(&content).map_err(|error| no_library(&error.to_string()))?;
        needed.extend(facts.needed);
        loader |= is_loader;
        found.push((name.to_owned(), content));
    }
    // libc needs the dynamic linker, so the host is static.
    if !loader {
        return Err(StageError::NoLibrary {
            library: "ld-linux".to_owned(),
            why: "no library of the host needs it".to_owned(),
        });
    }
    Ok(found)
}

/// Paths by file name, from lines such as `7f… r-xp 00000000 08:01 42  /lib/libc.so.6`:
/// `proc_pid_maps(5)`.
fn mapped(maps: &str) -> BTreeMap<&str, PathBuf> {
    let paths = maps.lines().filter_map(|line| {
        let path = &line[line.find('/')?..];
        Some((path.rsplit('/').next()?, PathBuf::from(path)))
    });
    paths.collect()
}

/// Appends libraries to a host.
pub fn append(host: &mut Vec<u8>, files: &[(String, Vec<u8>)]) {
    let mut entries = Vec::new();
    for (name, content) in files {
        let mut field = [0; NAME];
        field[..name.len()].copy_from_slice(name.as_bytes());
        entries.extend(field);
        entries.extend((host.len() as u64).to_le_bytes());
        entries.extend((content.len() as u64).to_le_bytes());
        host.extend(content);
    }
    host.extend(entries);
    host.extend((files.len() as u64).to_le_bytes());
    host.extend(MAGIC);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_this_process_include_the_dynamic_linker() {
        let own = fs::read("/proc/self/exe").unwrap();
        let files = of(&dynamic(&own).unwrap()).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            names.contains(&"libc.so.6") && names.contains(&LOADER),
            "{names:?}"
        );
        for (name, content) in &files {
            assert!(content.starts_with(b"\x7fELF"), "{name}");
        }
    }

    #[test]
    fn maps_are_parsed_to_paths_by_file_name() {
        let maps = "\
7f1 r--p 00000000 08:01 42                         /lib/x86_64-linux-gnu/libc.so.6
7f2 rw-p 00000000 00:00 0
7ff r-xp 00000000 00:00 0                          [vdso]
7f3 r--p 00000000 08:01 43                         /opt/a b/libm.so.6
";
        let expected = [
            ("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6".into()),
            ("libm.so.6", "/opt/a b/libm.so.6".into()),
        ];
        assert_eq!(mapped(maps), BTreeMap::from(expected));
    }
}
