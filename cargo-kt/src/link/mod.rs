//! *link*: turns the rlibs of one program into loadable files, with lld.
//!
//! Third-party crates become the *base* ([`base`]), and each hot crate becomes a *crate object*
//! ([`object`]). A *launcher* ([`launcher`]) loads libstd and the base before `main`. Every file is
//! named by the hash of all its inputs, so nothing is linked twice and one name never has two
//! contents. All files are in one directory, `kt_dir`, which may be deleted at any time.
//!
//! This module knows ELF, archives and the linker. It may not know cargo (that is *build*) or where
//! the files go (that is *ship*).

mod archive;
mod base;
mod change;
mod debug_object;
pub mod elf;
mod error;
mod executable;
mod hash;
mod kt_dir;
mod launcher;
mod linked;
mod lld;
mod native;
mod object;
mod own_libraries;
mod reach;
mod registries;
mod reload;
mod shared;
pub mod statics;
mod symbols;
mod system;

use std::{borrow::Cow, fs, sync::mpsc, thread};

use camino::{Utf8Path, Utf8PathBuf};

pub use change::{BaseChange, CrateIdentity, ExistingLayer, Replacement};
pub use debug_object::{debug_file, debug_object};
pub use error::LinkError;
pub use linked::{Driver, LinkEvent, Linked, LinkedCrate, LinkedFile, LinkedLayer, StateKeys};
pub use object::snapshot;
pub use own_libraries::{Needed, OwnLibraries, own_libraries};
pub use reload::LayoutsOf;
pub use system::{compiler, has_compiler};

use crate::{
    artifacts::{Compiled, CompiledProgram},
    context::Toolchain,
    glibc::Stubs,
};
use archive::ArchiveFacts;
use hash::{Hashes, Name, Stamp, short};
use registries::Program;

/// How many results are cached: for programs and selections that a developer switches between.
const MAX_RESULTS: usize = 32;

/// How many archives have cached symbols.
const MAX_SYMBOL_FILES: usize = 512;

/// How many unused bases are kept; each has some 30 MB.
const MAX_UNUSED_BASES: usize = 4;

/// Shared by all links of one call.
struct Linker<'a> {
    toolchain: &'a Toolchain,
    kt_dir: kt_dir::KtDir,
    lld: lld::Lld,
    system: system::System,
    std: system::Std,
    natives: native::Natives,
    /// A hash over the toolchain and the contents of C libraries. It is part of every name: a
    /// process keeps the shared libraries that it has loaded, so another content of one needs
    /// another base, and with it a new process.
    identity: String,
    events: mpsc::Sender<LinkEvent>,
}

impl<'a> Linker<'a> {
    /// Locates the linker, the system's libraries and the toolchain's.
    fn of(
        compiled: &'a Compiled,
        kt_dir: kt_dir::KtDir,
        stubs: Option<&Stubs>,
        hashes: &mut Hashes,
        events: mpsc::Sender<LinkEvent>,
    ) -> Result<Self, LinkError> {
        let toolchain = &compiled.toolchain;
        let system_file = kt_dir.file(&format!("system-{}.json", toolchain.target));
        let lld = lld::Lld::of(toolchain)?;
        let system = match (system::System::find(toolchain, &system_file), stubs) {
            (Ok(system), None) => system,
            (Ok(system), Some(stubs)) => system.with(stubs),
            // The system's files are not needed: this machine has no C compiler for the target.
            (Err(LinkError::NoCompiler { .. }), Some(stubs)) => {
                system::System::without_compiler(toolchain, stubs)?
            }
            (Err(error), _) => return Err(error),
        };
        let std = system::Std::find(toolchain, &system, &kt_dir)?;
        let natives = native::Natives::new(&compiled.native);
        let located = natives.files(&system);
        let shared = located.iter().chain(&compiled.shared_libraries);
        let shared: Vec<_> = shared.map(Utf8PathBuf::as_path).collect();
        let mut identity = Name::new("identity");
        identity
            .add(&toolchain.version)
            .add(&toolchain.target)
            .add_all(hashes.files(&system.files())?)
            .add_all(hashes.files(&std.files())?)
            .add_all(hashes.files(&shared)?);
        Ok(Self {
            toolchain,
            kt_dir,
            lld,
            system,
            std,
            natives,
            identity: identity.hex(),
            events,
        })
    }

    /// # Errors
    /// If symbols are undefined only because the target glibc is older than the system's.
    fn check_glibc(&self, what: &str, undefined: &[String]) -> Result<(), LinkError> {
        let symbols = self.system.newer_than_linked(undefined)?;
        match &self.system.glibc_override {
            Some(target) if !symbols.is_empty() => Err(LinkError::NewerGlibc {
                what: what.to_owned(),
                symbols,
                glibc: target.glibc,
            }),
            _ => Ok(()),
        }
    }

    fn report(&self, event: LinkEvent) {
        // Sending fails only if the caller's `progress` panicked.
        let _ = self.events.send(event);
    }
}

/// Links a program. Existing files are not linked again. With unchanged input, no process is
/// started.
///
/// `kt_dir` is `<target dir>/kt/warm`. `existing` are the layers of the last link or, better, of
/// the running pod, layer 0 first. `stubs` are an older glibc to link against in place of this
/// machine's. `layouts` returns the layouts of the states, which are part of their objects' names.
/// `progress` is called on this thread.
///
/// # Errors
/// See [`LinkError`]. A failed link changes no existing file.
pub fn link(
    compiled: &Compiled,
    kt_dir: &Utf8Path,
    existing: &[ExistingLayer],
    stubs: Option<&Stubs>,
    layouts: &LayoutsOf<'_>,
    progress: &dyn Fn(LinkEvent),
) -> Result<Linked, LinkError> {
    let directory = kt_dir::KtDir::new(kt_dir);
    let result_file = directory
        .results()
        .join(format!("{}.json", short(&key(compiled, existing, stubs)?)));
    if let Some(known) = kt_dir::read_json::<Linked>(&result_file).filter(Linked::is_whole) {
        // The cached objects are valid if the states still have these layouts.
        let program = known.promoted.as_deref().unwrap_or(compiled);
        let states = known.crates.iter().map(|it| (&it.states, &it.keeps));
        if reload::states(program, states, &known.layers, layouts)? == known.states {
            return Ok(known);
        }
    }
    let (events, listener) = mpsc::channel();
    let linked = thread::scope(|scope| {
        let work = || {
            link_all(
                compiled,
                directory.clone(),
                existing,
                stubs,
                layouts,
                events,
            )
        };
        let thread = scope.spawn(work);
        listener.into_iter().for_each(progress);
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    kt_dir::write_json(&result_file, &linked)?;
    Ok(linked)
}

/// The crate object or layer with this soname, if this link or an earlier one still has the file.
pub fn kept(kt_dir: &Utf8Path, soname: &str) -> Option<Utf8PathBuf> {
    let directory = kt_dir::KtDir::new(kt_dir);
    // The name may come from another machine.
    if Utf8Path::new(soname).file_name() != Some(soname) {
        return None;
    }
    let places = [
        directory.objects().join(soname),
        base::first_layer(&directory, soname),
        directory.layers().join(soname),
    ];
    places.into_iter().find(|path| path.is_file())
}

/// A hash over all inputs of `link`, by the files' stamps: cheap, and equal only for unchanged
/// input.
fn key(
    compiled: &Compiled,
    existing: &[ExistingLayer],
    stubs: Option<&Stubs>,
) -> Result<String, LinkError> {
    let mut name = Name::new("link");
    let file = |name: &mut Name, path: &Utf8Path| -> Result<(), LinkError> {
        name.add(path.as_str())
            .add(format!("{:?}", Stamp::of(path)?));
        Ok(())
    };
    name.add(format!("{:?}", compiled.toolchain))
        .add(format!("{:?} {existing:?}", compiled.native))
        .add(format!("{stubs:?}"));
    let linked = native::Natives::new(&compiled.native).own_files();
    for library in linked.iter().chain(&compiled.shared_libraries) {
        file(&mut name, library)?;
    }
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
    kt_dir: kt_dir::KtDir,
    existing: &[ExistingLayer],
    stubs: Option<&Stubs>,
    layouts: &LayoutsOf<'_>,
    events: mpsc::Sender<LinkEvent>,
) -> Result<Linked, LinkError> {
    let hashes_file = kt_dir.file("archives-2.json");
    let mut hashes = Hashes::load(&hashes_file);
    let linker = Linker::of(compiled, kt_dir, stubs, &mut hashes, events)?;
    let program =
        Program::read(compiled, &mut hashes, &linker)?.resolve_registrations(&linker.kt_dir)?;
    let compiled = program.compiled.as_ref();
    let (base_facts, hot_facts, symbols) = (&program.base, &program.hot, &program.symbols);
    let hot_definer = |name: &str| {
        let hash = symbols::name_hash(name.as_bytes());
        let index = symbols
            .iter()
            .position(|symbols| symbols.defined.binary_search(&hash).is_ok())?;
        Some(compiled.hot[index].package.clone())
    };
    check_slices(compiled, base_facts, hot_facts)?;

    let input = base::BaseInput {
        crates: &compiled.base,
        facts: base_facts,
        hot: &hot_definer,
        promoted: &program.promoted,
    };
    let (layers, base_change) = base::link(&linker, &input, existing)?;
    // A base always has at least one layer, even without crates.
    let first = &layers[0];
    let launcher = launcher::build(&linker, first)?;
    let states = hot_facts.iter().map(|it| (&it.states, &it.keeps));
    let states = reload::states(compiled, states, &layers, layouts)?;
    let crates = object::link(&linker, &program, &layers, &states)?;
    let mut global_allocator = global_allocator(compiled, base_facts, hot_facts);
    let mut registers_here_only = false;
    let driver = match &compiled.program {
        CompiledProgram::Library => Driver::Library,
        CompiledProgram::Executable { link_line } => {
            let objects: Vec<_> = link_line.objects.iter().map(Utf8PathBuf::as_path).collect();
            let objects = hashes.archives(&objects)?;
            let mut facts = objects.iter();
            if facts.any(|facts| facts.allocator && !facts.allocator_shim) {
                global_allocator = Some("the program".to_owned());
            }
            registers_here_only = objects.iter().any(|facts| facts.constructors);
            let parts = executable::Parts {
                base: &first.file,
                libstd: &launcher.libstd,
                layers: &layers,
                crates: &crates,
                objects: &objects,
            };
            Driver::Executable(executable::link(&linker, link_line, &parts)?)
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
        registers_here_only,
        promoted: match &program.compiled {
            Cow::Owned(compiled) => Some(Box::new(compiled.clone())),
            Cow::Borrowed(_) => None,
        },
        states,
    })
}

impl<'a> Program<'a> {
    fn read(
        compiled: &'a Compiled,
        hashes: &mut Hashes,
        linker: &Linker<'_>,
    ) -> Result<Self, LinkError> {
        let base: Vec<_> = compiled.base.iter().map(|it| it.rlib.as_path()).collect();
        let hot: Vec<_> = compiled.hot.iter().map(|it| it.rlib.as_path()).collect();
        let (base, facts) = (hashes.archives(&base)?, hashes.archives(&hot)?);
        let symbols = hot
            .iter()
            .zip(&facts)
            .map(|(rlib, facts)| symbols::of_rlib(&linker.kt_dir, rlib, facts))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            compiled: Cow::Borrowed(compiled),
            base,
            hot: facts,
            symbols,
            promoted: Vec::new(),
            registrations: Vec::new(),
        })
    }
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

/// linkme finds the elements of a slice between two symbols that the linker defines around a
/// section, separately in each shared object.
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
    linker.kt_dir.remove_unfinished();
    registries::prune(&linker.kt_dir);
    let in_use = |name: &str| {
        layers
            .iter()
            .any(|layer| layer.file.path.as_str().contains(name))
    };
    let unused = |name: &str| (!in_use(name)).then_some(());
    kt_dir::prune(&linker.kt_dir.bases(), MAX_UNUSED_BASES, unused, |old| {
        drop(fs::remove_dir_all(old))
    });
    let added = |name: &str| name.strip_suffix(".so").filter(|_| !in_use(name)).map(drop);
    kt_dir::prune(&linker.kt_dir.layers(), MAX_UNUSED_BASES, added, |old| {
        let _ = fs::remove_file(format!("{old}.json"));
        let _ = fs::remove_file(old);
    });
    let by_rlib = |name: &str| {
        let stem = name.strip_suffix(".rlib")?;
        Some(stem[..stem.len().saturating_sub(17)].to_owned())
    };
    let remove = |old: &Utf8Path| drop(fs::remove_file(old));
    kt_dir::prune(
        &linker.kt_dir.archives(),
        object::MAX_UNUSED,
        by_rlib,
        remove,
    );
    let any = |_: &str| Some(());
    kt_dir::prune(&linker.kt_dir.symbols(), MAX_SYMBOL_FILES, any, remove);
    kt_dir::prune(&linker.kt_dir.results(), MAX_RESULTS, any, |old| {
        drop(fs::remove_file(old))
    });
}
