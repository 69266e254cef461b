//! *link*: from the rlibs of one program to files that can be loaded, by calling the toolchain's `rust-lld`.
//!
//! Third-party crates become the *base* ([`base`]), each hot crate a *crate object* ([`object`]), and a *launcher* ([`launcher`]) is made that
//! has libstd and the base loaded before `main`. Every file is named by the hash of all that goes into it, so nothing is linked twice
//! and one name never means two contents. Everything lies under one folder, `warm`, which may be deleted at any time.
//!
//! It knows ELF, archives and the linker. It may not know cargo (that is *build*) nor where the files go (that is *ship*).

mod archive;
mod base;
pub mod elf;
mod error;
mod executable;
mod hash;
mod launcher;
mod lld;
mod native;
mod object;
mod shared;
mod system;
mod warm;

use std::{fs, sync::mpsc, thread, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use base::{BaseChange, CrateIdentity, ExistingLayer, LinkedLayer, Replacement};
pub use error::LinkError;
pub use object::twin;

use crate::build::{Compiled, CompiledProgram, Toolchain};
use archive::{ArchiveFacts, Symbols};
use hash::{Hashes, Name, Stamp, short};

/// How many answers are remembered: programs and selections that somebody switches between.
const ANSWERS: usize = 32;

/// How many bases are kept besides the one in use; each is some 30 MB.
const BASES: usize = 4;

/// A file that *link* made, as it is shipped and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    pub path: Utf8PathBuf,
    /// As other objects name it in `DT_NEEDED`; the file's name where it has none.
    pub soname: String,
    /// In hex, over the whole file.
    pub blake3: String,
    /// In bytes.
    pub size: u64,
    /// The GNU build id in hex; libstd has none.
    pub build_id: Option<String>,
    /// The newest glibc (major, minor) of whose symbols it needs one.
    pub glibc: Option<(u32, u32)>,
}

impl LinkedFile {
    fn of(path: &Utf8Path) -> Result<Self, LinkError> {
        let data = warm::read(path)?;
        let dynamic = elf::dynamic(&data).map_err(LinkError::object(path))?;
        Ok(Self {
            path: path.to_owned(),
            soname: dynamic
                .soname
                .unwrap_or_else(|| path.file_name().unwrap_or_default().to_owned()),
            blake3: blake3::hash(&data).to_hex().to_string(),
            size: data.len() as u64,
            build_id: dynamic.build_id,
            glibc: dynamic.glibc,
        })
    }

    /// Whether the file is still there. Files appear by renaming, so one of the right size is the right one.
    fn is_whole(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|meta| meta.len() == self.size)
    }
}

/// A crate object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedCrate {
    pub file: LinkedFile,
    pub package: String,
    pub version: String,
    /// As rustc knows it, with underscores.
    pub crate_name: String,
    /// [`crate::build::HotCrate::sources_hash`] of the sources that are in it.
    pub sources_hash: String,
    /// Keys of its remote functions: what follows `kt:fn:` in the exported symbols, sorted.
    pub functions: Vec<String>,
    /// Keys of its states: what follows `kt:state:`, sorted.
    pub states: Vec<String>,
    /// Whether it exports `kt:main`.
    pub has_main: bool,
    /// The sonames in its `DT_NEEDED`.
    pub needed: Vec<String>,
    /// The rlib that it was linked from, kept under a name that no later build overwrites; it has the debug information.
    pub rlib: Utf8PathBuf,
}

/// What is started as the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// The launcher, which calls `kt:main` of the last crate object.
    Library,
    /// An executable of its own.
    Executable(LinkedFile),
}

/// A linked program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    pub launcher: LinkedFile,
    pub libstd: LinkedFile,
    /// Layer 0 first. It lies in one folder with the launcher and libstd.
    pub layers: Vec<LinkedLayer>,
    /// Dependencies first: the order in which they can be loaded.
    pub crates: Vec<LinkedCrate>,
    pub driver: Driver,
    pub base_change: BaseChange,
    /// The crate whose `#[global_allocator]` is not used: libstd's own is, everywhere.
    pub global_allocator: Option<String>,
}

/// What happens while linking, for the terminal.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A command about to be run, as a person would type it (`-v`).
    Command(String),
    /// A layer of the base was linked from so many crates.
    Base {
        crates: usize,
        file: LinkedFile,
        elapsed: Duration,
    },
    Launcher {
        file: LinkedFile,
        elapsed: Duration,
    },
    /// A crate object was linked.
    Object {
        crate_name: String,
        file: LinkedFile,
        elapsed: Duration,
    },
    /// A driver without items of kt was linked.
    Executable {
        file: LinkedFile,
        elapsed: Duration,
    },
    /// No library defines these symbols, which C code of a third-party crate names; calling them would be a fault.
    Weakened {
        object: String,
        symbols: Vec<String>,
    },
}

/// What all links of one call share.
struct Linker<'a> {
    toolchain: &'a Toolchain,
    warm: warm::Warm,
    lld: lld::Lld,
    system: system::System,
    std: system::Std,
    natives: native::Natives,
    /// A hash over the toolchain and the contents of the system's libraries: part of every name.
    identity: String,
    events: mpsc::Sender<LinkEvent>,
}

impl Linker<'_> {
    fn say(&self, event: LinkEvent) {
        // Nobody listens any more only if the caller's `progress` panicked.
        let _ = self.events.send(event);
    }
}

/// Links a program. What is there already is not linked again; on unchanged input no process is started.
///
/// `warm` is `<target dir>/kt/warm`. `existing` are the layers of the last link or, better, of the running pod, layer 0 first.
/// `progress` is called on this thread.
///
/// # Errors
/// See [`LinkError`]. Nothing that existed is touched by a link that fails.
pub fn link(
    compiled: &Compiled,
    warm: &Utf8Path,
    existing: &[ExistingLayer],
    progress: &dyn Fn(LinkEvent),
) -> Result<Linked, LinkError> {
    let folders = warm::Warm::new(warm);
    let answer = folders
        .answers()
        .join(format!("{}.json", short(&key(compiled, existing)?)));
    if let Some(known) = warm::read_json::<Linked>(&answer).filter(Linked::is_whole) {
        return Ok(known);
    }
    let (events, listener) = mpsc::channel();
    let linked = thread::scope(|scope| {
        let thread = scope.spawn(|| link_all(compiled, folders.clone(), existing, events));
        listener.into_iter().for_each(progress);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    warm::write_json(&answer, &linked)?;
    Ok(linked)
}

impl Linked {
    fn is_whole(&self) -> bool {
        let driver = match &self.driver {
            Driver::Library => None,
            Driver::Executable(file) => Some(file),
        };
        let files = [&self.launcher, &self.libstd].into_iter().chain(driver);
        let files = files
            .chain(self.layers.iter().map(|layer| &layer.file))
            .chain(self.crates.iter().map(|krate| &krate.file));
        files.into_iter().all(LinkedFile::is_whole)
    }
}

/// A hash over everything that `link` looks at, by the files' stamps: cheap, and the same only for unchanged input.
fn key(compiled: &Compiled, existing: &[ExistingLayer]) -> Result<String, LinkError> {
    let mut name = Name::new("link");
    let file = |name: &mut Name, path: &Utf8Path| -> Result<(), LinkError> {
        name.add(path.as_str())
            .add(format!("{:?}", Stamp::of(path)?));
        Ok(())
    };
    name.add(format!("{:?}", compiled.toolchain))
        .add(format!("{:?} {existing:?}", compiled.native));
    for krate in &compiled.base {
        name.add(&krate.package).add(&krate.version);
        file(&mut name, &krate.rlib)?;
    }
    for krate in &compiled.hot {
        name.add(&krate.package)
            .add(&krate.version)
            .add(&krate.crate_name)
            .add(&krate.sources_hash);
        name.add(format!("{:?}", krate.dependencies));
        file(&mut name, &krate.rlib)?;
    }
    if let CompiledProgram::Executable { link_line } = &compiled.program {
        name.add_all(&link_line.arguments);
        for object in &link_line.objects {
            file(&mut name, object)?;
        }
    }
    Ok(name.hex())
}

fn link_all(
    compiled: &Compiled,
    warm: warm::Warm,
    existing: &[ExistingLayer],
    events: mpsc::Sender<LinkEvent>,
) -> Result<Linked, LinkError> {
    let toolchain = &compiled.toolchain;
    let (hashes_file, system_file) = (warm.file("archives.json"), warm.file("system.json"));
    let mut hashes = Hashes::load(&hashes_file);
    let lld = lld::Lld::of(toolchain)?;
    let system = system::System::find(toolchain, &system_file)?;
    let std = system::Std::find(toolchain)?;
    let mut identity = Name::new("identity");
    identity
        .add(&toolchain.version)
        .add(&toolchain.target)
        .add_all(hashes.files(&system.files())?);
    let natives = native::Natives::new(&compiled.native);
    let linker = Linker {
        toolchain,
        warm,
        lld,
        system,
        std,
        natives,
        identity: identity.hex(),
        events,
    };

    let base_facts = hashes.archives(
        &compiled
            .base
            .iter()
            .map(|krate| krate.rlib.as_path())
            .collect::<Vec<_>>(),
    )?;
    let hot_facts = hashes.archives(
        &compiled
            .hot
            .iter()
            .map(|krate| krate.rlib.as_path())
            .collect::<Vec<_>>(),
    )?;
    let symbols = hot_symbols(&linker, compiled, &hot_facts)?;
    let hot_definer = |name: &str| {
        let hash = archive::name_hash(name.as_bytes());
        let index = symbols
            .iter()
            .position(|symbols| symbols.defined.binary_search(&hash).is_ok())?;
        Some(compiled.hot[index].package.clone())
    };
    check_slices(compiled, &base_facts, &hot_facts)?;

    let input = base::BaseInput {
        crates: &compiled.base,
        facts: &base_facts,
        hot: &hot_definer,
    };
    let (layers, base_change) = base::link(&linker, &input, existing)?;
    // A base is always at least one layer, be it of no crates.
    let first = &layers[0];
    let launcher = launcher::make(&linker, first)?;
    let crates = object::link(&linker, &compiled.hot, &hot_facts, &symbols, &layers)?;
    let mut global_allocator = global_allocator(compiled, &base_facts, &hot_facts);
    let driver = match &compiled.program {
        CompiledProgram::Library => Driver::Library,
        CompiledProgram::Executable { link_line } => {
            let objects = hashes.archives(
                &link_line
                    .objects
                    .iter()
                    .map(Utf8PathBuf::as_path)
                    .collect::<Vec<_>>(),
            )?;
            if objects
                .iter()
                .any(|facts| facts.allocator && !facts.allocator_shim)
            {
                global_allocator = Some("the program".to_owned());
            }
            let linked = executable::link(
                &linker,
                link_line,
                &first.file,
                &launcher.libstd,
                &layers,
                &crates,
                &objects,
            )?;
            Driver::Executable(linked)
        }
    };
    hashes.save(&hashes_file)?;
    prune(&linker, &layers, &crates);
    Ok(Linked {
        launcher: launcher.launcher,
        libstd: launcher.libstd,
        layers,
        crates,
        driver,
        base_change,
        global_allocator,
    })
}

fn hot_symbols(
    linker: &Linker<'_>,
    compiled: &Compiled,
    facts: &[ArchiveFacts],
) -> Result<Vec<Symbols>, LinkError> {
    let find = |(krate, facts): (&crate::build::HotCrate, &ArchiveFacts)| {
        archive::cached_symbols(&linker.warm.symbols().join(&facts.content[..32]), || {
            archive::symbols(&warm::read(&krate.rlib)?).map_err(LinkError::object(&krate.rlib))
        })
    };
    compiled.hot.iter().zip(facts).map(find).collect()
}

fn global_allocator(
    compiled: &Compiled,
    base: &[ArchiveFacts],
    hot: &[ArchiveFacts],
) -> Option<String> {
    let hot = compiled
        .hot
        .iter()
        .zip(hot)
        .map(|(krate, facts)| (&krate.package, facts));
    let base = compiled
        .base
        .iter()
        .zip(base)
        .map(|(krate, facts)| (&krate.package, facts));
    hot.chain(base)
        .find(|(_, facts)| facts.allocator)
        .map(|(package, _)| package.clone())
}

/// linkme finds the elements of a slice between two symbols that the linker sets around a section, in each shared object anew.
fn check_slices(
    compiled: &Compiled,
    base: &[ArchiveFacts],
    hot: &[ArchiveFacts],
) -> Result<(), LinkError> {
    let mut places = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for slice in base.iter().flat_map(|facts| &facts.slices) {
        let objects = places.entry(slice).or_default();
        if objects.is_empty() {
            objects.push("third-party crates".to_owned());
        }
    }
    for (krate, facts) in compiled.hot.iter().zip(hot) {
        for slice in &facts.slices {
            places
                .entry(slice)
                .or_default()
                .push(format!("`{}`", krate.crate_name));
        }
    }
    match places.into_iter().find(|(_, objects)| objects.len() > 1) {
        Some((slice, objects)) => Err(LinkError::DistributedSlice {
            slice: slice.to_owned(),
            objects,
        }),
        None => Ok(()),
    }
}

fn prune(linker: &Linker<'_>, layers: &[LinkedLayer], crates: &[LinkedCrate]) {
    object::prune(linker, crates);
    let in_use = |name: &str| {
        layers
            .iter()
            .any(|layer| layer.file.path.as_str().contains(name))
    };
    let unused = |name: &str| (!in_use(name)).then_some(());
    warm::prune(&linker.warm.bases(), BASES, unused, |old| {
        drop(fs::remove_dir_all(old))
    });
    let added = |name: &str| name.strip_suffix(".so").filter(|_| !in_use(name)).map(drop);
    warm::prune(&linker.warm.layers(), BASES, added, |old| {
        let _ = fs::remove_file(format!("{old}.json"));
        let _ = fs::remove_file(old);
    });
    let any = |_: &str| Some(());
    warm::prune(&linker.warm.answers(), ANSWERS, any, |old| {
        drop(fs::remove_file(old))
    });
}
