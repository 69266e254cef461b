//! Crate objects: each hot crate's rlib becomes a shared object.
//!
//! An object's name is a hash of everything that can affect it: its object members, the flags, the
//! toolchain, and the names of the shared objects that define its undefined symbols. A crate that
//! uses only types of an edited dependency keeps its name, and so keeps the values of its statics.
//! The names are known before anything is linked. A crate that must be loaded again without an edit
//! of its own has a *reload key*, which is part of its name ([`super::reload`]).

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use camino::{Utf8Path, Utf8PathBuf};
use kt::wire::manifest::PlainStatic;
use serde::{Deserialize, Serialize};

use super::{
    LinkError, LinkEvent, LinkedCrate, LinkedFile, LinkedLayer, Linker, StateKeys,
    archive::{self, ArchiveFacts},
    elf,
    hash::{Name, short},
    registries::Program,
    reload::ReloadKeys,
    shared::{FLAGS, SharedLink},
    statics,
    symbols::{self, Symbols},
    warm,
};
use crate::artifacts::HotCrate;
use crate::compile::Snapshot;

/// Flags beyond [`FLAGS`]. `.symtab` stays: backtraces and debuggers get the names of unexported
/// functions from it. `-z separate-code`: code starts on its own page, so it stays at its address
/// when the sections before it grow a little. A patch of an edited object is half as long, and the
/// object itself is 6 KB longer.
const OBJECT_FLAGS: [&str; 3] = [STRIP_DEBUG, "-z", "separate-code"];
pub(super) const STRIP_DEBUG: &str = "--strip-debug";

/// How many unused objects of each crate are kept.
pub(super) const MAX_UNUSED: usize = 32;

/// Written beside an object when it is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    file: LinkedFile,
    needed: Vec<String>,
    functions: Vec<String>,
    inits: Vec<String>,
    states: Vec<String>,
    #[serde(default)]
    keeps: Vec<String>,
    statics: Vec<PlainStatic>,
    has_main: bool,
    /// Hash of the sources that were compiled.
    #[serde(default)]
    sources_hash: String,
    /// The linker and its arguments, to repeat the link for the debug object.
    pub linker: Utf8PathBuf,
    pub arguments: Vec<String>,
}

/// An object whose name is known.
struct Planned<'a> {
    krate: &'a HotCrate,
    facts: &'a ArchiveFacts,
    hash: String,
    soname: String,
    /// Hot crates whose symbols it uses, by index.
    uses: Vec<usize>,
    /// Layers beyond 0 whose symbols it uses.
    layers: Vec<&'a LinkedLayer>,
    natives: Vec<String>,
    /// Length of the longest chain of objects that must be linked before it.
    level: usize,
}

impl Planned<'_> {
    fn path(&self, linker: &Linker<'_>) -> Utf8PathBuf {
        linker.kt_dir.objects().join(&self.soname)
    }

    /// The linked rlib, under a name that cargo does not overwrite.
    fn rlib(&self, linker: &Linker<'_>) -> Utf8PathBuf {
        self.path(linker).with_extension("rlib")
    }

    fn known(&self, linker: &Linker<'_>) -> Option<ObjectRecord> {
        let record: ObjectRecord = warm::read_json(&record_path(&self.path(linker)))?;
        (record.file.is_whole() && self.rlib(linker).is_file()).then_some(record)
    }
}

pub(super) fn record_path(object: &Utf8Path) -> Utf8PathBuf {
    object.with_extension("json")
}

/// The sources of a crate object, by the object's name. `None` if this machine has no record of it.
pub fn snapshot(kt_dir: &Utf8Path, soname: &str) -> Option<Snapshot> {
    // The name may come from another machine.
    if Utf8Path::new(soname).file_name() != Some(soname) {
        return None;
    }
    let object = warm::KtDir::new(kt_dir).objects().join(soname);
    let record: ObjectRecord = warm::read_json(&record_path(&object))?;
    Snapshot::of(kt_dir, &record.sources_hash)
}

/// Links the missing crate objects; independent ones in parallel.
pub(super) fn link(
    linker: &Linker<'_>,
    program: &Program<'_>,
    layers: &[LinkedLayer],
    states: &StateKeys,
) -> Result<Vec<LinkedCrate>, LinkError> {
    let planned = plan(linker, program, layers, states)?;
    let mut records: Vec<_> = planned.iter().map(|object| object.known(linker)).collect();
    for level in 0..=planned.iter().map(|object| object.level).max().unwrap_or(0) {
        let missing: Vec<_> = (0..planned.len())
            .filter(|&i| planned[i].level == level && records[i].is_none())
            .collect();
        for (index, record) in in_parallel(&missing, |index| {
            link_object(linker, &planned, index, layers)
        })? {
            records[index] = Some(record);
        }
    }
    let linked = planned
        .iter()
        .zip(records)
        .filter_map(|(object, record)| Some(linked(linker, object, record?)));
    let named = linked.zip(&program.registrations);
    let named = named.map(|(linked, registrations)| LinkedCrate {
        registers: registrations.named(&program.compiled),
        ..linked
    });
    Ok(named.collect())
}

fn linked(linker: &Linker<'_>, object: &Planned<'_>, record: ObjectRecord) -> LinkedCrate {
    LinkedCrate {
        package: object.krate.package.clone(),
        version: object.krate.version.clone(),
        crate_name: object.krate.crate_name.clone(),
        sources_hash: object.krate.sources_hash.clone(),
        rlib: object.rlib(linker),
        file: record.file,
        needed: record.needed,
        functions: record.functions,
        inits: record.inits,
        states: record.states,
        keeps: record.keeps,
        statics: record.statics,
        has_main: record.has_main,
        registers: Vec::new(),
    }
}

/// For each hot crate, the hot crates whose symbols it uses.
fn uses(program: &Program<'_>) -> Vec<Vec<usize>> {
    let hot = program.compiled.hot.iter().zip(&program.symbols);
    hot.map(|(krate, symbols)| {
        let dependencies = krate.dependencies.iter().copied();
        dependencies
            .filter(|&other| symbols.uses(&program.symbols[other]))
            .collect()
    })
    .collect()
}

fn plan<'a>(
    linker: &Linker<'_>,
    program: &'a Program<'_>,
    layers: &'a [LinkedLayer],
    states: &StateKeys,
) -> Result<Vec<Planned<'a>>, LinkError> {
    let (facts, symbols) = (&program.hot, &program.symbols);
    let all_uses = uses(program);
    let keys = ReloadKeys::new(program, &all_uses, states);
    let added = layers.get(1..).unwrap_or_default();
    let added: Vec<_> = added
        .iter()
        .map(|layer| Ok((layer, layer_symbols(linker, layer)?)))
        .collect::<Result<_, LinkError>>()?;
    let natives = linker.natives.symbols(linker);
    let mut planned: Vec<Planned<'a>> = Vec::new();
    for ((index, krate), uses) in program.compiled.hot.iter().enumerate().zip(all_uses) {
        let uses_of = |other: &Symbols| symbols[index].uses(other);
        let layers_used: Vec<_> = added
            .iter()
            .filter(|(_, symbols)| uses_of(symbols))
            .map(|(layer, _)| *layer)
            .collect();
        let natives_used: Vec<_> = natives
            .iter()
            .filter(|(_, symbols)| symbols.as_ref().is_none_or(uses_of))
            .map(|(name, _)| name.clone())
            .collect();
        let mut name = Name::new("object");
        name.add(&linker.identity)
            .add_all(FLAGS)
            .add_all(OBJECT_FLAGS);
        name.add(&krate.crate_name).add(&facts[index].content);
        name.add_all(layers.first().map(|layer| &layer.file.soname))
            .add_all(layers_used.iter().map(|layer| &layer.file.soname));
        name.add_all(uses.iter().map(|&other| &planned[other].soname))
            .add_all(&natives_used);
        name.add_all(keys.of(index));
        let hash = name.hex();
        planned.push(Planned {
            krate,
            facts: &facts[index],
            soname: format!("libkt-{}-{}.so", krate.crate_name, short(&hash)),
            hash,
            level: uses
                .iter()
                .map(|&other| planned[other].level + 1)
                .max()
                .unwrap_or(0),
            uses,
            layers: layers_used,
            natives: natives_used,
        });
    }
    Ok(planned)
}

fn layer_symbols(linker: &Linker<'_>, layer: &LinkedLayer) -> Result<Symbols, LinkError> {
    let path = &layer.file.path;
    symbols::cached(&linker.kt_dir.symbols().join(&layer.file.soname), || {
        symbols::of_shared(&warm::read(path)?).map_err(LinkError::object(path))
    })
}

fn link_object(
    linker: &Linker<'_>,
    planned: &[Planned<'_>],
    index: usize,
    layers: &[LinkedLayer],
) -> Result<ObjectRecord, LinkError> {
    let object = &planned[index];
    let begun = Instant::now();
    let output = object.path(linker);
    // Take the rlib first: from here on, cargo cannot replace it.
    let rlib = object.rlib(linker);
    warm::hard_link(&object.krate.rlib, &rlib)?;
    let content = archive::facts(&warm::read(&rlib)?)
        .map_err(LinkError::object(&rlib))?
        .content;
    if content != object.facts.content {
        return Err(LinkError::Changed {
            path: object.krate.rlib.clone(),
        });
    }
    let others: Vec<_> = object
        .uses
        .iter()
        .map(|&other| planned[other].path(linker))
        .collect();
    let base = layers
        .first()
        .into_iter()
        .chain(object.layers.iter().copied())
        .map(|layer| layer.file.path.as_path());
    let mut natives = Vec::new();
    if !object.natives.is_empty() {
        natives = linker.natives.search_arguments(&linker.system);
        natives.extend(
            linker
                .natives
                .shared_arguments(&object.natives, &linker.system),
        );
    }
    let link = SharedLink {
        what: format!("the crate `{}`", object.krate.crate_name),
        output: output.clone(),
        soname: &object.soname,
        hash: &object.hash,
        rlibs: vec![(&rlib, object.facts)],
        flags: &OBJECT_FLAGS,
        against: base
            .chain(others.iter().map(Utf8PathBuf::as_path))
            .collect(),
        natives,
        weaken: false,
        hot: &|_| None,
    };
    let arguments = link.run(linker)?;
    let record = examine(linker, object.krate, &output, arguments)?;
    warm::write_json(&record_path(&output), &record)?;
    let crate_name = object.krate.crate_name.clone();
    linker.report(LinkEvent::Object {
        crate_name,
        file: record.file.clone(),
        elapsed: begun.elapsed(),
    });
    Ok(record)
}

fn examine(
    linker: &Linker<'_>,
    krate: &HotCrate,
    output: &Utf8Path,
    arguments: Vec<String>,
) -> Result<ObjectRecord, LinkError> {
    let data = warm::read(output)?;
    let strings = |prefix| elf::exports_after(&data, prefix).map_err(LinkError::object(output));
    let states = strings("kt:state:")?;
    let statics = statics::of(&data, krate, &states).map_err(LinkError::object(output))?;
    Ok(ObjectRecord {
        file: LinkedFile::of(output)?,
        needed: elf::dynamic(&data)
            .map_err(LinkError::object(output))?
            .needed,
        functions: strings("kt:fn:")?,
        inits: strings("kt:start:")?,
        states,
        keeps: strings("kt:keep:")?,
        statics,
        has_main: strings("kt:main")?.iter().any(String::is_empty),
        sources_hash: krate.sources_hash.clone(),
        linker: linker.lld.program().to_owned(),
        arguments,
    })
}

fn in_parallel<T: Send>(
    indices: &[usize],
    work: impl Fn(usize) -> Result<T, LinkError> + Sync,
) -> Result<Vec<(usize, T)>, LinkError> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<Vec<(usize, T)>, LinkError> {
        let mut done = Vec::new();
        while let Some(&index) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, work(index)?));
        }
        Ok(done)
    };
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(indices.len());
    thread::scope(|scope| {
        let threads: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for thread in threads {
            let more = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.and_then(|mut done| {
                done.extend(more?);
                Ok(done)
            });
        }
        done
    })
}

/// Removes the oldest objects that are not `in_use` (by soname).
pub(super) fn prune(linker: &Linker<'_>, in_use: &[LinkedCrate]) {
    let crate_of = |file: &str| {
        let stem = file.strip_suffix(".so")?;
        let used = in_use.iter().any(|krate| krate.file.soname == file);
        (!used).then(|| stem[..stem.len().saturating_sub(17)].to_owned())
    };
    warm::prune(&linker.kt_dir.objects(), MAX_UNUSED, crate_of, |object| {
        let debug_object = linker
            .kt_dir
            .debug_objects()
            .join(object.file_name().unwrap_or_default());
        // The record first: without it, the object counts as absent. Files that cannot be removed
        // are retried next time.
        for file in [
            &record_path(object),
            object,
            &object.with_extension("rlib"),
            &debug_object,
        ] {
            let _ = fs::remove_file(file);
        }
    });
}
