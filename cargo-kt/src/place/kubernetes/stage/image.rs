//! The host as it is sent: this very executable, without what is not loaded, compressed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use kt::wire::platform::Glibc;
use object::{
    LittleEndian as LE, elf,
    read::elf::{FileHeader as _, ProgramHeader as _},
};
use serde::{Deserialize, Serialize};

use super::{StageError, libraries};
use crate::{link::elf::dynamic, place::Dirs};

/// 3 sends 7 % more, 12 takes four times as long for 4 % less, measured on cargo-kt itself.
const LEVEL: i32 = 6;
/// How many executables' images are kept: cargo-kt is updated, and other versions may still be in use.
const KEPT: usize = 4;
/// Of the record; raised whenever images are made in another way.
const FORMAT: u32 = 2;

/// What travels with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carry {
    Nothing,
    /// The libraries that it runs on here.
    Libraries,
}

/// A host that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostImage {
    format: u32,
    /// The compressed file.
    pub path: PathBuf,
    /// blake3 of what it decompresses to.
    pub hash: [u8; 32],
    /// Uncompressed, bytes.
    pub length: u64,
    /// Bytes.
    pub compressed: u64,
    /// As Rust names it.
    pub architecture: String,
    /// The glibc that it needs; `None` if it brings its own along.
    pub glibc: Option<Glibc>,
    /// What it was made of.
    executable: PathBuf,
}

impl HostImage {
    /// This executable's. Read and compressed once; afterwards only its metadata is looked at.
    ///
    /// # Errors
    /// If it cannot be read or is no ELF executable of Linux, or the cache cannot be written to.
    pub fn prepare(dirs: &Dirs) -> Result<Self, StageError> {
        // Also finds the file of a cargo-kt that was replaced since it started: proc(5).
        Self::of(Path::new("/proc/self/exe"), dirs)
    }

    /// That of another executable which knows `host`.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn of(executable: &Path, dirs: &Dirs) -> Result<Self, StageError> {
        Self::cached(executable, &dirs.cache.join("host"), Carry::Nothing)
    }

    /// The host for another architecture: a cargo-kt that was built for it, beside this one.
    ///
    /// # Errors
    /// If there is none, or as [`prepare`](Self::prepare).
    pub fn for_architecture(&self, architecture: &str) -> Result<Self, StageError> {
        let own = std::env::current_exe();
        let own = own.map_err(StageError::io("find", &self.executable))?;
        self.beside(&own, architecture)
    }

    pub(super) fn beside(&self, own: &Path, architecture: &str) -> Result<Self, StageError> {
        let target = format!("{architecture}-unknown-linux-gnu");
        let path = own.with_file_name(format!("cargo-kt-{target}"));
        if !path.is_file() {
            return Err(StageError::NoHostFor {
                path,
                target,
                ours: self.architecture.clone(),
            });
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        Self::cached(&path, folder, Carry::Nothing)
    }

    /// The same with the glibc that runs it here, for images with an older one.
    ///
    /// # Errors
    /// If a library cannot be read, or as [`prepare`](Self::prepare).
    pub fn with_libraries(&self) -> Result<Self, StageError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        Self::cached(&self.executable, folder, Carry::Libraries)
    }

    fn cached(executable: &Path, folder: &Path, carry: Carry) -> Result<Self, StageError> {
        let data = fs::metadata(executable).map_err(StageError::io("look at", executable))?;
        let stamp = format!(
            "{} {} {} {}.{} {carry:?}",
            data.dev(),
            data.ino(),
            data.size(),
            data.mtime(),
            data.mtime_nsec()
        );
        let stamp = blake3::hash(stamp.as_bytes()).to_hex();
        let record = folder.join(format!("{}.json", &stamp[..16]));
        if let Some(known) = Self::known(&record) {
            return Ok(known);
        }
        fs::create_dir_all(folder).map_err(StageError::io("create", folder))?;
        let content = fs::read(executable).map_err(StageError::io("read", executable))?;
        let made = Self::make(content, folder, executable, carry)?;
        let text = serde_json::to_vec(&made).map_err(|error| StageError::Io {
            doing: "write",
            path: record.clone(),
            source: error.into(),
        })?;
        put(&record, &text)?;
        prune(folder);
        Ok(made)
    }

    fn known(record: &Path) -> Option<Self> {
        let known: Self = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
        let there = fs::metadata(&known.path).ok()?;
        (known.format == FORMAT && there.len() == known.compressed).then_some(known)
    }

    fn make(
        mut content: Vec<u8>,
        folder: &Path,
        executable: &Path,
        carry: Carry,
    ) -> Result<Self, StageError> {
        let no_host = |why: String| StageError::NoHost {
            path: executable.to_owned(),
            why,
        };
        let facts = dynamic(&content).map_err(|error| no_host(error.to_string()))?;
        let architecture = match strip(&mut content) {
            Ok(elf::EM_X86_64) => "x86_64",
            Ok(elf::EM_AARCH64) => "aarch64",
            Ok(other) => return Err(no_host(format!("its machine is {other:?}"))),
            Err(error) => return Err(no_host(error.to_string())),
        };
        let mut glibc = facts.glibc;
        if carry == Carry::Libraries {
            if architecture != std::env::consts::ARCH {
                return Err(no_host(
                    "the image's glibc is too old for it, and only a host of this machine's architecture can take its own along"
                        .to_owned(),
                ));
            }
            let files = libraries::of(&facts)?;
            libraries::append(&mut content, &files);
            glibc = None;
        }
        let hash = blake3::hash(&content);
        let path = folder.join(format!("{}.zst", hash.to_hex()));
        let compressed = zstd::bulk::compress(&content, LEVEL)
            .map_err(StageError::io("compress", executable))?;
        put(&path, &compressed)?;
        Ok(Self {
            format: FORMAT,
            path,
            hash: hash.into(),
            length: content.len() as u64,
            compressed: compressed.len() as u64,
            architecture: architecture.to_owned(),
            glibc,
            executable: executable.to_owned(),
        })
    }
}

/// Cuts off everything behind the last byte that the kernel or the dynamic linker maps: symbols, debug info and the section
/// headers, whose place in the file's header is emptied. Returns the machine.
fn strip(content: &mut Vec<u8>) -> Result<elf::Machine, object::Error> {
    let header = elf::FileHeader64::<LE>::parse(content.as_slice())?;
    let machine = header.e_machine(LE);
    let mut end =
        header.e_phoff(LE) + u64::from(header.e_phnum(LE)) * u64::from(header.e_phentsize(LE));
    for segment in header.program_headers(LE, content.as_slice())? {
        if segment.p_type(LE) == elf::PT_LOAD {
            end = end.max(segment.p_offset(LE).saturating_add(segment.p_filesz(LE)));
        }
    }
    content.truncate(usize::try_from(end).unwrap_or(usize::MAX));
    // `Elf64_Ehdr`: e_shoff at 40, e_shentsize, e_shnum and e_shstrndx at 58.
    for place in [40..48, 58..64] {
        if let Some(bytes) = content.get_mut(place) {
            bytes.fill(0);
        }
    }
    Ok(machine)
}

/// Writes a file that others see whole or not at all.
fn put(path: &Path, content: &[u8]) -> Result<(), StageError> {
    let folder = path.parent().unwrap_or(path);
    let written = || -> io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(file.path(), content)?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(StageError::io("write", path))
}

fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    // Each has a record beside it.
    for (_, old) in files.iter().rev().skip(2 * KEPT) {
        let _ = fs::remove_file(old);
    }
}
