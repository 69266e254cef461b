//! A glibc other than the system's: its stubs replace the system's libraries. Also finds the
//! symbols that are undefined because of it.

use std::{collections::HashSet, env};

use camino::{Utf8Path, Utf8PathBuf};

use super::{System, interpreter};
use crate::{
    context::Toolchain,
    glibc::{Glibc, Stubs},
    link::{LinkError, elf, hash::Stamp, warm},
};

/// A glibc that replaces the system's.
#[derive(Debug, Clone)]
pub(in crate::link) struct GlibcOverride {
    pub glibc: Glibc,
    /// The system's libraries that it replaces.
    replaced: Vec<Utf8PathBuf>,
}

impl System {
    /// Takes everything from stubs. No file of a C compiler is needed, as the dynamic linker
    /// handles thread-locals and constructors.
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
            glibc_override: Some(GlibcOverride {
                glibc: stubs.glibc,
                // The libraries of this machine, not of the target: the names of functions are the
                // same.
                replaced: host_libraries(),
            }),
        })
    }

    /// Replaces the glibc. Files of the C compiler stay.
    pub fn with(self, stubs: &Stubs) -> Self {
        let is_of_glibc = |path: &Utf8Path| {
            !path
                .file_name()
                .is_some_and(|name| name.starts_with("libgcc_s"))
        };
        let (replaced, kept): (Vec<_>, Vec<_>) = self
            .libraries
            .into_iter()
            .partition(|path| is_of_glibc(path));
        let start = self.start.into_iter().map(|path| match path.file_name() {
            Some("Scrt1.o") => stubs.start.clone(),
            _ => path,
        });
        Self {
            libraries: stubs.libraries.iter().cloned().chain(kept).collect(),
            start: start.collect(),
            // `-lm` of a build script must find the stubs, too.
            directories: [stubs.directory.clone()]
                .into_iter()
                .chain(self.directories)
                .collect(),
            glibc_override: Some(GlibcOverride {
                glibc: stubs.glibc,
                replaced,
            }),
            ..self
        }
    }

    /// The symbols of the system's `libc_nonshared.a` are hidden, those of zig's are not. Every
    /// object has its own copies, so none may export them.
    pub fn exclude_libs_flag(&self) -> Option<String> {
        let is_overridden = self.glibc_override.is_some();
        is_overridden.then(|| "--exclude-libs=libc_nonshared.a".to_owned())
    }

    /// The symbols in `undefined` that the system's glibc has: they are undefined because the
    /// target glibc is older.
    pub fn newer_than_linked(&self, undefined: &[String]) -> Result<Vec<String>, LinkError> {
        let Some(target) = self
            .glibc_override
            .as_ref()
            .filter(|_| !undefined.is_empty())
        else {
            return Ok(Vec::new());
        };
        let mut newer = Vec::new();
        for path in &target.replaced {
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

/// The libraries of this machine's glibc, at the paths that distributions use.
fn host_libraries() -> Vec<Utf8PathBuf> {
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
