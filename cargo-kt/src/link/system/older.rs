//! Another glibc than the system's: its stubs in place of the system's libraries, and which symbols are missed because of it.

use std::{collections::HashSet, env};

use camino::{Utf8Path, Utf8PathBuf};

use super::{System, interpreter};
use crate::{
    context::Toolchain,
    glibc::{Glibc, Stubs},
    link::{LinkError, elf, hash::Stamp, warm},
};

/// A glibc in place of the system's.
#[derive(Debug, Clone)]
pub(in crate::link) struct Older {
    pub glibc: Glibc,
    /// The system's own libraries of it.
    replaced: Vec<Utf8PathBuf>,
}

impl System {
    /// With everything from stubs: no file of a C compiler's is needed where thread-locals and constructors are the dynamic
    /// linker's matter.
    pub fn without_compiler(toolchain: &Toolchain, stubs: &Stubs) -> Result<Self, LinkError> {
        let libraries = stubs.libraries.iter().chain([&stubs.unwinder]);
        Ok(Self {
            target: toolchain.target.clone(),
            compiler: (Utf8PathBuf::new(), Stamp::of(&stubs.start)?),
            interpreter: interpreter(toolchain)?.to_owned(),
            libraries: libraries.cloned().collect(),
            start: vec![stubs.start.clone()],
            end: Vec::new(),
            directories: vec![stubs.directory.clone()],
            older: Some(Older {
                glibc: stubs.glibc,
                // Of this machine and not of the target: the names of functions are the same.
                replaced: own_libraries(),
            }),
        })
    }

    /// With another glibc. What comes from the C compiler and not from glibc stays.
    pub fn with(self, stubs: &Stubs) -> Self {
        let is_glibcs = |path: &Utf8Path| {
            !path
                .file_name()
                .is_some_and(|name| name.starts_with("libgcc_s"))
        };
        let (replaced, kept): (Vec<_>, Vec<_>) =
            self.libraries.into_iter().partition(|path| is_glibcs(path));
        let start = self.start.into_iter().map(|path| match path.file_name() {
            Some("Scrt1.o") => stubs.start.clone(),
            _ => path,
        });
        Self {
            libraries: stubs.libraries.iter().cloned().chain(kept).collect(),
            start: start.collect(),
            // `-lm` of a build script, too.
            directories: [stubs.directory.clone()]
                .into_iter()
                .chain(self.directories)
                .collect(),
            older: Some(Older {
                glibc: stubs.glibc,
                replaced,
            }),
            ..self
        }
    }

    /// The system's `libc_nonshared.a` has hidden symbols, zig's has not. Every object has its own copies.
    pub fn hides(&self) -> Option<String> {
        let older = self.older.is_some();
        older.then(|| "--exclude-libs=libc_nonshared.a".to_owned())
    }

    /// Those of the symbols that the system's own glibc has: what lacks them is the older one that is linked against.
    pub fn newer_than_linked(&self, undefined: &[String]) -> Result<Vec<String>, LinkError> {
        let Some(older) = self.older.as_ref().filter(|_| !undefined.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut newer = Vec::new();
        for path in &older.replaced {
            if path.extension() == Some("a") {
                continue;
            }
            let data = warm::read(path)?;
            let exports = elf::exports(&data).map_err(LinkError::object(path))?;
            let exports: HashSet<&[u8]> = exports.into_iter().collect();
            let found = undefined
                .iter()
                .filter(|name| exports.contains(name.as_bytes()));
            newer.extend(found.cloned());
        }
        newer.sort();
        newer.dedup();
        Ok(newer)
    }
}

/// The libraries of this machine's glibc, where distributions have them.
fn own_libraries() -> Vec<Utf8PathBuf> {
    let own = format!("/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = [own.as_str(), "/lib64", "/usr/lib"];
    let has = |folder: &&str| Utf8Path::new(folder).join("libc.so.6").is_file();
    let folder = folders.into_iter().find(has);
    let names = ["libc.so.6", "libm.so.6"];
    let files = folder
        .into_iter()
        .flat_map(|folder| names.map(|name| Utf8Path::new(folder).join(name)));
    files.filter(|file| file.is_file()).collect()
}
