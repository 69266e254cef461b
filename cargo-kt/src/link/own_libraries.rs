//! The files with which a worker starts in an image whose glibc is too old or missing: a C library
//! of this machine, and a launcher that names its dynamic linker.
//!
//! The launcher needs all of them itself and finds them in its own directory, so they are loaded
//! before any library of the image. One that needs `libdl.so.2` gets the one that fits to the C
//! library, even if it has a search path (`DT_RUNPATH`) of its own. All others are found in the
//! image, and no variable is set: programs that the worker starts are not affected.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::mpsc,
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    LinkError, LinkEvent, Linked, LinkedFile, Linker, elf,
    hash::{Hashes, Name, Stamp, short},
    kt_dir, launcher,
};
use crate::artifacts::Compiled;

/// glibc's libraries. Since 2.34 most of them are empty, but programs of older versions need them.
const GLIBC: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
];
/// Loaded by libc itself. Since 2.34 it includes the first two.
const NAME_SERVICES: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2"];
/// Libraries of the C compiler: programs need the versions that they were compiled with.
const COMPILER: [&str; 5] = [
    "libgcc_s.so",
    "libstdc++.so",
    "libatomic.so",
    "libgomp.so",
    "libquadmath.so",
];

/// Which libraries of this machine a worker needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// glibc and those of the C compiler: the image has an older glibc.
    Glibc,
    /// All that the program needs: the image has no glibc, so nothing in it can be loaded.
    All,
}

/// A launcher and the libraries that it starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLibraries {
    pub launcher: LinkedFile,
    /// The dynamic linker first.
    pub libraries: Vec<LinkedFile>,
}

/// The result, and the versions of the libraries that it was made from.
#[derive(Serialize, Deserialize)]
struct Cached {
    stamps: Vec<Stamp>,
    own: OwnLibraries,
}

impl Cached {
    fn is_fresh(&self) -> bool {
        let stamps = self.own.libraries.iter().zip(&self.stamps);
        self.own.launcher.is_whole()
            && stamps
                .into_iter()
                .all(|(file, stamp)| Stamp::of(&file.path).is_ok_and(|now| now == *stamp))
    }
}

/// Finds the libraries for a linked program, and links its launcher for them. `place` returns the
/// path that a file with this hash has where the worker starts.
///
/// # Errors
/// If this machine has no C compiler for the target, a library cannot be read, or lld fails.
pub fn own_libraries(
    compiled: &Compiled,
    kt_dir: &Utf8Path,
    linked: &Linked,
    needed: Needed,
    place: &dyn Fn(&str) -> String,
    progress: &dyn Fn(LinkEvent),
) -> Result<OwnLibraries, LinkError> {
    let directory = kt_dir::KtDir::new(kt_dir);
    let mut name = Name::new("own libraries");
    let of_crates: BTreeSet<_> = linked.crates.iter().flat_map(|it| &it.needed).collect();
    name.add(format!("{needed:?} {}", place("")))
        .add(&linked.libstd.blake3)
        .add_all(linked.layers.iter().map(|layer| &layer.file.blake3))
        // The names of the crates' own objects change with each edit.
        .add_all(of_crates.into_iter().filter(|name| !is_of_kt(name)));
    let file = format!("own-{}.json", short(&name.hex()));
    let cache = directory.results().join(file);
    if let Some(known) = kt_dir::read_json::<Cached>(&cache).filter(Cached::is_fresh) {
        return Ok(known.own);
    }
    let (events, listener) = mpsc::channel();
    let mut hashes = Hashes::default();
    let linker = Linker::of(compiled, directory, None, &mut hashes, events)?;
    let libraries = libraries(&linker, linked, needed)?;
    let stamps = libraries.iter().map(|file| Stamp::of(&file.path));
    let stamps = stamps.collect::<Result<Vec<_>, _>>()?;
    let interpreter = place(&libraries[0].blake3);
    let base = &linked.layers[0];
    let is_of_libc = |file: &&LinkedFile| NAME_SERVICES.contains(&&*file.soname);
    let preloaded = libraries[1..].iter().filter(|file| !is_of_libc(file));
    let preloaded: Vec<_> = preloaded.collect();
    let launcher = launcher::build_with(&linker, base, &interpreter, &preloaded)?;
    drop(linker);
    listener.into_iter().for_each(progress);
    let own = OwnLibraries {
        launcher,
        libraries,
    };
    kt_dir::write_json(
        &cache,
        &Cached {
            stamps,
            own: own.clone(),
        },
    )?;
    Ok(own)
}

/// Whether a library is an object of kt.
fn is_of_kt(soname: &str) -> bool {
    soname.starts_with("libkt-") || soname.starts_with("libstd-")
}

/// Everything that a worker loads.
fn files(linked: &Linked) -> impl Iterator<Item = &LinkedFile> {
    let layers = linked.layers.iter().map(|layer| &layer.file);
    let crates = linked.crates.iter().map(|krate| &krate.file);
    std::iter::once(&linked.libstd).chain(layers).chain(crates)
}

/// The libraries, the dynamic linker first.
fn libraries(
    linker: &Linker<'_>,
    linked: &Linked,
    needed: Needed,
) -> Result<Vec<LinkedFile>, LinkError> {
    let system = &linker.system;
    let is = |path: &&Utf8PathBuf, name: &str| path.file_name() == Some(name);
    let loader_name = system.interpreter.rsplit('/').next().unwrap_or_default();
    let of_system = |name: &str| {
        let mut libraries = system.libraries.iter();
        let found = libraries.find(|path| is(path, name));
        found.ok_or_else(|| LinkError::NoSystemLibrary {
            library: name.to_owned(),
            command: system.compiler.0.to_string(),
        })
    };
    let libc = of_system(GLIBC[0])?;
    let beside_libc = libc.parent().unwrap_or(libc);
    let mut found = vec![LinkedFile::of(of_system(loader_name)?)?];
    for name in GLIBC.iter().chain(&NAME_SERVICES) {
        let path = beside_libc.join(name);
        if path.is_file() {
            found.push(LinkedFile::of(&path)?);
        }
    }
    let mut wanted: VecDeque<String> = VecDeque::new();
    for file in files(linked) {
        wanted.extend(needed_by(&file.path)?);
    }
    while let Some(name) = wanted.pop_front() {
        let of_compiler = COMPILER.iter().any(|prefix| name.starts_with(prefix));
        let is_known = is_of_kt(&name) || found.iter().any(|file| file.soname == name);
        if is_known || !(of_compiler || needed == Needed::All) {
            continue;
        }
        let directories = linker.natives.search.iter().chain(&system.directories);
        let of_system = system
            .libraries
            .iter()
            .find(|path| is(path, &name))
            .cloned();
        let path = of_system.or_else(|| {
            let mut paths = directories.map(|directory| directory.join(&name));
            paths.find(|path| path.is_file())
        });
        // If it is not in the image either, the dynamic linker names it.
        if let Some(path) = path {
            wanted.extend(needed_by(&path)?);
            found.push(LinkedFile::of(&path)?);
        }
    }
    Ok(found)
}

fn needed_by(path: &Utf8Path) -> Result<Vec<String>, LinkError> {
    let facts = elf::dynamic(&kt_dir::read(path)?).map_err(LinkError::object(path))?;
    Ok(facts.needed)
}
