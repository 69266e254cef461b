//! The steps of one request: hash the sources, check the cache, run type probes, describe,
//! fingerprint.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::definitions::{self, Collected, Crate, Lineage, SourceFacts};
use super::opaque::{self, Crates, Opaque};
use super::{
    Context, Description, DwarfError, Fingerprint, Layout, LayoutError, LayoutRequest, StateLayout,
    TypeProbeError, UnknownLayout, directory, dwarf, identity, store, type_probe,
};
use super::{settings, syntax::Digest, tokens};
use crate::artifacts::{Compiled, HotCrate, NativeLibraries};
use crate::context::Wrappers;

/// Increase when the content of descriptions changes, so that kt does not compare old ones with new
/// ones.
const FORMAT: &str = "kt layout 2";

/// The file with the description of a fingerprint.
pub(super) fn described(directory: &Utf8Path, fingerprint: &str) -> Utf8PathBuf {
    directory
        .join("described")
        .join(format!("{fingerprint}.json"))
}

type Described = Result<Description, Arc<UnknownLayout>>;

/// Cached descriptions of a crate's states.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KnownStates {
    states: BTreeMap<String, Description>,
}

/// Layouts that are being computed: type probes run on their own threads while the caller
/// continues.
///
/// If dropped, running probes still finish and fill the cache.
#[derive(Debug)]
pub struct Pending {
    directory: Utf8PathBuf,
    states: Vec<(usize, String)>,
    known: HashMap<(usize, String), Described>,
    running: Option<Receiver<(usize, HashMap<String, Described>)>>,
    crates: Crates,
    keeps: HashSet<String>,
    program: Program,
    /// The rustc version and the target.
    toolchain: String,
}

/// Further inputs for fingerprints of states with erased memory or with types of other crates.
#[derive(Debug)]
struct Program {
    /// The directory of its lineages, relative to the directory of all lineages.
    name: String,
    crates: Vec<Crate>,
    files: Vec<SourceFacts>,
    /// Third-party crates, by the names that hot crates use for them.
    dependencies: Vec<Crate>,
    /// `-C metadata` of all hot crates.
    metadata: Vec<String>,
    /// A checked cast never turns a type into its edited version, and hot code has no unchecked
    /// casts: each hot crate has a type identity and no `unsafe` code.
    has_type_identities: bool,
    native: NativeLibraries,
}

/// One type probe to compile. It owns its inputs, as it may outlive the request.
#[derive(Debug)]
struct Job {
    index: usize,
    wrappers: Wrappers,
    hot: HotCrate,
    keys: Vec<String>,
    probe_directory: Utf8PathBuf,
    cached: Utf8PathBuf,
    known: KnownStates,
    /// The crate and the hot crates that it depends on, …
    sources: Vec<HotCrate>,
    /// … and hashes of their contents.
    contents: Vec<String>,
    tokens_cache: Utf8PathBuf,
}

/// The identity of each hot crate. The output of an unknown macro depends on more than the tokens
/// in the source (it may read files), so a crate with one is identified by rustc's output.
fn identities(
    compiled: &Compiled,
    sources: &[tokens::SourcesHash],
    program: &Program,
) -> Vec<String> {
    let mut identities = identity::of_crates(compiled, sources);
    let unknown = definitions::expands_unknown(&program.crates, &program.files);
    let crates = identities.iter_mut().zip(&compiled.hot).zip(unknown);
    for ((identity, hot), _) in crates.filter(|(_, unknown)| *unknown) {
        *identity = identity::with_artifact(identity, &hot.rlib);
    }
    identities
}

impl Pending {
    pub(super) fn begin(request: LayoutRequest<'_>) -> Result<Self, LayoutError> {
        let compiled = request.compiled;
        let directory = directory(request.kt_dir);
        let tokens_cache = directory.join("tokens");
        let sources = tokens::hash(&compiled.hot, &tokens_cache)?;
        let program = Program::of(compiled, &sources);
        let identities = identities(compiled, &sources, &program);
        let mut pending = Self {
            directory: directory.clone(),
            states: Vec::new(),
            known: HashMap::new(),
            running: None,
            crates: crates_of(compiled),
            keeps: request.keeps.iter().cloned().collect(),
            program,
            toolchain: format!(
                "{}\n{}",
                compiled.toolchain.version, compiled.toolchain.target
            ),
        };
        let mut jobs = Vec::new();
        for (index, keys) in request.states {
            pending
                .states
                .extend(keys.iter().map(|key| (*index, key.clone())));
            let Some(hot) = compiled.hot.get(*index).filter(|_| !keys.is_empty()) else {
                continue;
            };
            let types = identity::with_dependencies(compiled, &identities, *index, request.base_id);
            let cached = directory.join("types").join(format!("{types}.json"));
            let stored = std::fs::read(&cached).ok();
            let known: KnownStates = stored
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default();
            let (found, missing): (Vec<_>, Vec<_>) = keys
                .iter()
                .cloned()
                .partition(|key| known.states.contains_key(key));
            if missing.is_empty() {
                let take = |key: String| {
                    Some(((*index, key.clone()), Ok(known.states.get(&key)?.clone())))
                };
                pending.known.extend(found.into_iter().filter_map(take));
                continue;
            }
            let read = || hot.dependencies.iter().copied().chain([*index]);
            let contents = read().filter_map(|it| sources.get(it));
            jobs.push(Job {
                index: *index,
                hot: hot.clone(),
                keys: keys.clone(),
                probe_directory: directory
                    .join("type-probes")
                    .join(hot.rlib.file_stem().unwrap_or(&hot.crate_name)),
                cached,
                known,
                wrappers: compiled.toolchain.wrappers.clone(),
                sources: read()
                    .filter_map(|it| compiled.hot.get(it))
                    .cloned()
                    .collect(),
                contents: contents.map(|it| it.contents.clone()).collect(),
                tokens_cache: tokens_cache.clone(),
            });
        }
        pending.start(jobs);
        Ok(pending)
    }

    fn start(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(jobs.len());
        let jobs = Arc::new(Mutex::new(jobs));
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads {
            let (jobs, sender) = (Arc::clone(&jobs), sender.clone());
            std::thread::spawn(move || {
                loop {
                    let Some(job) = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop()
                    else {
                        break;
                    };
                    // The receiver is dropped if the caller abandoned the request. The cache has
                    // the result then.
                    let _ = sender.send((job.index, job.run()));
                }
            });
        }
        self.running = Some(receiver);
    }

    /// Whether [`Pending::finish`] must wait for rustc.
    pub fn has_type_probes(&self) -> bool {
        self.running.is_some()
    }

    /// A digest of everything that any layout of this program depends on. It stands for a layout
    /// that is unknown.
    pub(crate) fn program_digest(&self) -> String {
        let mut lineages = Lineages::new(&self.directory, &self.program);
        let mut digest = Digest::new("kt layouts of a program");
        digest
            .add(lineages.types())
            .add(lineages.dependencies())
            .add(lineages.native());
        self.program.metadata.iter().for_each(|it| {
            digest.add(it);
        });
        digest.finish()
    }

    /// Waits for the type probes. Returns the layouts in the order of the request.
    pub fn finish(mut self) -> Vec<StateLayout> {
        self.wait()
    }

    /// As [`finish`](Self::finish), but [`program_digest`](Self::program_digest) can still be
    /// called. A second call returns no layouts.
    pub(crate) fn wait(&mut self) -> Vec<StateLayout> {
        for (index, described) in self.running.take().into_iter().flatten() {
            self.known.extend(
                described
                    .into_iter()
                    .map(|(key, described)| ((index, key), described)),
            );
        }
        let states = std::mem::take(&mut self.states);
        let mut known = std::mem::take(&mut self.known);
        let mut lineages = Lineages::new(&self.directory, &self.program);
        let layout = |(hot, key): (usize, String)| {
            let described = known
                .remove(&(hot, key.clone()))
                .unwrap_or_else(|| Err(Arc::new(UnknownLayout::Panicked)));
            let keeps = self.keeps.contains(&key);
            let layout =
                described.map(|description| self.fingerprint(description, keeps, &mut lineages));
            if let Ok(layout) = &layout {
                self.store_description(layout);
            }
            StateLayout { hot, key, layout }
        };
        states.into_iter().map(layout).collect()
    }

    /// Stores a description, to report later what changed.
    fn store_description(&self, layout: &Layout) {
        let path = described(&self.directory, layout.fingerprint.as_str());
        if !path.exists() {
            let stored = StoredDescription {
                context: layout.context.clone(),
                description: layout.description.clone(),
            };
            store::write_json(&path, &stored);
            path.parent().into_iter().for_each(store::prune);
        }
    }

    fn fingerprint(
        &self,
        description: Description,
        keeps: bool,
        lineages: &mut Lineages<'_>,
    ) -> Layout {
        let opaque = opaque::find(&description, &self.crates);
        let mut digest = Digest::new(FORMAT);
        digest.add(&self.toolchain);
        // serde_json always writes this value as the same text: it has no maps and no floats.
        digest.add_bytes(&serde_json::to_vec(&description).unwrap_or_default());
        let mut fingerprint = digest.finish();
        let mut context = Context::default();
        if !keeps {
            context = self.context(&opaque, lineages);
        }
        if context != Context::default() {
            let mut digest = Digest::new("context");
            digest.add_bytes(&serde_json::to_vec(&context).unwrap_or_default());
            fingerprint = format!("{fingerprint}-{}", &digest.finish()[..32]);
        }
        Layout {
            fingerprint: Fingerprint(fingerprint),
            description,
            opaque: opaque.what,
            context,
        }
    }

    fn context(&self, opaque: &Opaque, lineages: &mut Lineages<'_>) -> Context {
        let is_opaque = !opaque.what.is_empty();
        let holds_hot = is_opaque && (opaque.is_exposed || !self.program.has_type_identities);
        Context {
            dependencies: opaque
                .of_two_versions
                .then(|| lineages.dependencies().to_owned()),
            types: holds_hot.then(|| lineages.types().to_owned()),
            type_ids: opaque.by_type_id.then(|| {
                let mut type_ids = Digest::new("type ids");
                for metadata in &self.program.metadata {
                    type_ids.add(metadata);
                }
                type_ids.finish()
            }),
            native: opaque.by_pointer.then(|| lineages.native().to_owned()),
        }
    }
}

/// The stored part of a layout.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredDescription {
    pub(super) description: Description,
    /// As in [`Layout`].
    pub(super) context: Context,
}

impl Program {
    fn of(compiled: &Compiled, sources: &[tokens::SourcesHash]) -> Self {
        let name = compiled
            .hot
            .last()
            .map_or("none", |it| it.crate_name.as_str());
        let rlibs: HashSet<&str> = compiled
            .hot
            .iter()
            .filter_map(|it| it.rlib.file_stem())
            .collect();
        let is_hot = |path: &Utf8Path| path.file_stem().is_some_and(|stem| rlibs.contains(stem));
        let hot = &compiled.hot;
        Self {
            name: format!("{name}-{}", compiled.profile),
            crates: hot.iter().map(settings::of).collect(),
            files: sources
                .iter()
                .flat_map(|it| it.files.iter().cloned())
                .collect(),
            dependencies: hot
                .iter()
                .map(|it| settings::dependencies(it, is_hot))
                .collect(),
            metadata: hot.iter().map(settings::metadata).collect(),
            has_type_identities: hot.iter().all(|it| it.types.is_some())
                && sources.iter().all(|it| definitions::is_safe(&it.files)),
            native: compiled.native.clone(),
        }
    }
}

/// Inputs that few states need, computed on first use.
struct Lineages<'a> {
    directory: Utf8PathBuf,
    program: &'a Program,
    types: Option<String>,
    dependencies: Option<String>,
    native: Option<String>,
}

impl<'a> Lineages<'a> {
    fn new(directory: &Utf8Path, program: &'a Program) -> Self {
        Self {
            directory: directory.join("lineages"),
            program,
            types: None,
            dependencies: None,
            native: None,
        }
    }

    /// Path and id of the lineage of the hot crates' types.
    fn types(&mut self) -> &str {
        let (directory, program) = (&self.directory, self.program);
        self.types.get_or_insert_with(|| {
            let name = format!("{}/types", program.name);
            let collected = Collected::of(&program.crates[..], &program.files[..]);
            format!(
                "{name}/{}",
                Lineage::id_of(&directory.join(&name), &collected)
            )
        })
    }

    /// The same for the third-party crates that hot crates name.
    fn dependencies(&mut self) -> &str {
        let (directory, program) = (&self.directory, self.program);
        self.dependencies.get_or_insert_with(|| {
            let name = format!("{}/dependencies", program.name);
            let collected = Collected::of(&program.dependencies[..], Vec::new());
            format!(
                "{name}/{}",
                Lineage::id_of(&directory.join(&name), &collected)
            )
        })
    }

    fn native(&mut self) -> &str {
        let native = &self.program.native;
        self.native
            .get_or_insert_with(|| identity::of_native_code(native))
    }
}

/// Only names that a base crate shares with a hot one are ambiguous. If two hot crates share a name
/// (the library and the binary of a package), their types are described down to the last field. If
/// two base crates share a name, neither can be edited; where hot code names one, the lineage of
/// the dependencies is part of the fingerprint.
fn crates_of(compiled: &Compiled) -> Crates {
    let hot: HashSet<String> = compiled
        .hot
        .iter()
        .map(|it| it.crate_name.clone())
        .collect();
    let base = compiled.base.iter().filter_map(|it| {
        let stem = it.rlib.file_stem()?.strip_prefix("lib")?;
        Some(
            stem.rsplit_once('-')
                .map_or(stem, |(name, _)| name)
                .to_owned(),
        )
    });
    let mut crates = Crates {
        hot,
        ..Crates::default()
    };
    let mut names = HashSet::new();
    for name in base {
        if crates.hot.contains(&name) {
            crates.ambiguous.insert(name);
        } else if !names.insert(name.clone()) {
            crates.twice.insert(name);
        }
    }
    crates
}

impl Job {
    fn run(mut self) -> HashMap<String, Described> {
        match self.describe() {
            Ok(described) => {
                let found = described
                    .iter()
                    .filter_map(|(key, it)| Some((key.clone(), it.as_ref().ok()?.clone())));
                self.known.states.extend(found);
                store::write_json(&self.cached, &self.known);
                self.cached.parent().into_iter().for_each(store::prune);
                described
            }
            Err(unknown) => {
                let unknown = Arc::new(unknown);
                self.keys
                    .iter()
                    .map(|key| (key.clone(), Err(Arc::clone(&unknown))))
                    .collect()
            }
        }
    }

    fn describe(&self) -> Result<HashMap<String, Described>, UnknownLayout> {
        let Some(invocation) = &self.hot.invocation else {
            return Err(UnknownLayout::NoInvocation(self.hot.package.clone()));
        };
        let _lock = lock(&self.probe_directory)?;
        let object = type_probe::compile(invocation, &self.wrappers, &self.probe_directory)?;
        // rustc may have read other contents than those that were hashed.
        let now = tokens::hash(&self.sources, &self.tokens_cache).ok();
        let now: Option<Vec<String>> =
            now.map(|all| all.into_iter().map(|it| it.contents).collect());
        if now.as_ref() != Some(&self.contents) {
            return Err(UnknownLayout::Edited(self.hot.crate_name.clone()));
        }
        let symbol = |key: &String| format!("kt:init:{key}");
        let symbols: Vec<String> = self.keys.iter().map(symbol).collect();
        let described = dwarf::describe(&object, &symbols);
        // It has some megabytes and is not needed anymore.
        let _ = std::fs::remove_file(&object);
        let mut described = described?;
        let take = |key: &String| {
            let found = described.remove(&symbol(key));
            let found = found.unwrap_or_else(|| Err(DwarfError::NoVariable(symbol(key))));
            (key.clone(), found.map_err(|error| Arc::new(error.into())))
        };
        Ok(self.keys.iter().map(take).collect())
    }
}

/// Held while a type probe is compiled and read, to exclude other processes.
fn lock(probe_directory: &Utf8Path) -> Result<std::fs::File, TypeProbeError> {
    let in_directory = |source| TypeProbeError::Directory {
        path: probe_directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(probe_directory).map_err(in_directory)?;
    let file = std::fs::File::create(probe_directory.join("lock")).map_err(in_directory)?;
    file.lock().map_err(in_directory)?;
    Ok(file)
}
