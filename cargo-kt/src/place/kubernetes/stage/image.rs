//! The host as it is sent: this executable without the parts that are not loaded, compressed.

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
use crate::{
    link::elf::dynamic,
    linux::OWN_EXECUTABLE,
    place::{Dirs, ForeignHost},
};

/// Measured on cargo-kt: level 3 sends 7 % more; level 12 sends 4 % less in four times the time.
const LEVEL: i32 = 6;
/// Number of cached images: other versions of cargo-kt may still be in use after an update.
const KEPT: usize = 4;
/// Version of the record. Increment it when images are built differently.
const FORMAT: u32 = 2;

/// Whether the host is sent with libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Include {
    HostOnly,
    /// The libraries of this machine that the host uses.
    Libraries,
}

/// A host in the form in which it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostImage {
    format: u32,
    /// The compressed file.
    pub path: PathBuf,
    /// BLAKE3 of the uncompressed bytes.
    pub hash: [u8; 32],
    /// Uncompressed bytes.
    pub length: u64,
    /// Compressed bytes.
    pub compressed: u64,
    /// As in target triples.
    pub architecture: String,
    /// The glibc that it needs; `None` if it is sent with its own.
    pub glibc: Option<Glibc>,
    /// The executable that it was built from.
    executable: PathBuf,
}

impl HostImage {
    /// The image of this executable. The first call reads and compresses it; later calls compare
    /// its metadata.
    ///
    /// # Errors
    /// If the executable cannot be read or is not a Linux ELF file, or the cache cannot be written.
    pub fn prepare(dirs: &Dirs) -> Result<Self, StageError> {
        Self::of(Path::new(OWN_EXECUTABLE), dirs)
    }

    /// The image of another executable with the `host` command.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn of(executable: &Path, dirs: &Dirs) -> Result<Self, StageError> {
        Self::cached(executable, &dirs.cache.join("host"), Include::HostOnly)
    }

    /// The host for another architecture: a cargo-kt for that target, see [`ForeignHost`].
    ///
    /// # Errors
    /// If it does not exist, or as [`prepare`](Self::prepare).
    pub fn for_architecture(&self, architecture: &str) -> Result<Self, StageError> {
        let own = std::env::current_exe();
        let own = own.map_err(StageError::io("find", &self.executable))?;
        self.beside(&own, architecture)
    }

    pub(super) fn beside(&self, own: &Path, architecture: &str) -> Result<Self, StageError> {
        let target = format!("{architecture}-unknown-linux-gnu");
        let folder = self.path.parent().unwrap_or(&self.path);
        let cache = folder.parent().unwrap_or(folder);
        let hosts = ForeignHost::next_to(own, &target, cache)
            .map_err(StageError::io("read", &self.executable))?;
        let Some(path) = hosts.find() else {
            return Err(StageError::NoHostFor {
                target,
                ours: self.architecture.clone(),
            });
        };
        Self::cached(&path, folder, Include::HostOnly)
    }

    /// The same host with this machine's glibc, for images with an older one.
    ///
    /// # Errors
    /// If a library cannot be read, or as [`prepare`](Self::prepare).
    pub fn with_libraries(&self) -> Result<Self, StageError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        Self::cached(&self.executable, folder, Include::Libraries)
    }

    fn cached(executable: &Path, folder: &Path, include: Include) -> Result<Self, StageError> {
        let data = fs::metadata(executable).map_err(StageError::io("read", executable))?;
        let stamp = format!(
            "{} {} {} {}.{} {include:?}",
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
        let image = Self::build(content, folder, executable, include)?;
        let text = serde_json::to_vec(&image).map_err(|error| StageError::Io {
            doing: "write",
            path: record.clone(),
            source: error.into(),
        })?;
        write(&record, &text)?;
        prune(folder);
        Ok(image)
    }

    fn known(record: &Path) -> Option<Self> {
        let known: Self = serde_json::from_slice(&fs::read(record).ok()?).ok()?;
        let metadata = fs::metadata(&known.path).ok()?;
        (known.format == FORMAT && metadata.len() == known.compressed).then_some(known)
    }

    fn build(
        mut content: Vec<u8>,
        folder: &Path,
        executable: &Path,
        include: Include,
    ) -> Result<Self, StageError> {
        let no_host = |why: String| StageError::NoHost {
            path: executable.to_owned(),
            why,
        };
        let facts = dynamic(&content).map_err(|error| no_host(error.to_string()))?;
        let architecture = match strip(&mut content) {
            Ok(elf::EM_X86_64) => "x86_64",
            Ok(elf::EM_AARCH64) => "aarch64",
            Ok(other) => return Err(no_host(format!("it is for the machine {other:?}"))),
            Err(error) => return Err(no_host(error.to_string())),
        };
        let mut glibc = facts.glibc;
        if include == Include::Libraries {
            if architecture != std::env::consts::ARCH {
                let why = "the image's glibc is too old, and kt can send a newer one only for this \
                           machine's architecture";
                return Err(no_host(why.to_owned()));
            }
            let files = libraries::of(&facts)?;
            libraries::append(&mut content, &files);
            glibc = None;
        }
        let hash = blake3::hash(&content);
        let path = folder.join(format!("{}.zst", hash.to_hex()));
        let compressed = zstd::bulk::compress(&content, LEVEL)
            .map_err(StageError::io("compress", executable))?;
        write(&path, &compressed)?;
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

/// Truncates a file after the last byte that the kernel or the dynamic linker maps. This removes
/// symbols, debug info and section headers; the ELF header's fields for these are cleared. Returns
/// the machine.
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
    for field in [40..48, 58..64] {
        if let Some(bytes) = content.get_mut(field) {
            bytes.fill(0);
        }
    }
    Ok(machine)
}

/// Writes a file atomically.
fn write(path: &Path, content: &[u8]) -> Result<(), StageError> {
    let folder = path.parent().unwrap_or(path);
    let written = || -> io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(file.path(), content)?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(StageError::io("write", path))
}

/// Removes the oldest images from the cache.
fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    // Each image has a record in the same folder.
    for (_, old) in files.iter().rev().skip(2 * KEPT) {
        let _ = fs::remove_file(old);
    }
}
