//! Loads a generation: from a manifest to callable functions. Publishes nothing before all of it is
//! verified.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Worker,
    calls::Call,
    names::edit_distance,
    places::Place,
    states::{Formers, NewState},
    user_code::Pace,
};
use crate::{
    function::{Function, path_of},
    init::InitDescriptor,
    shape::Signature,
    state::StateDescriptor,
    sys::dl,
    wire::{
        Generation,
        control::{LoadedObject, SwapRefused},
        manifest::{CrateObject, Manifest, Object},
        state::StateOptions,
        worker,
    },
};

/// One generation, ready for calls.
pub(super) struct Loaded {
    pub(super) generation: Generation,
    functions: HashMap<&'static str, Arc<Entry>>,
    /// Notified when its last call ends.
    formers: Arc<Formers>,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.formers.ended();
    }
}

/// A function, and how many of its calls run.
pub(super) struct Entry {
    pub(super) function: &'static Function,
    pub(super) pace: Arc<Pace>,
    /// Determined at the first call.
    types: OnceLock<Arc<Signature>>,
    running: AtomicU64,
}

impl Entry {
    fn new(function: &'static Function) -> Arc<Self> {
        Arc::new(Self {
            function,
            pace: Arc::default(),
            types: OnceLock::new(),
            running: AtomicU64::new(0),
        })
    }

    /// Counts a call of this generation.
    pub(super) fn run(self: &Arc<Self>, loaded: Arc<Loaded>, call: Call) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running {
            entry: Arc::clone(self),
            _loaded: loaded,
            call,
        }
    }

    /// The function's types. The first call runs their `Deserialize`.
    pub(super) fn types(&self) -> &Arc<Signature> {
        if let Some(known) = self.types.get() {
            return known;
        }
        // Two concurrent first calls compute equal values, and neither waits for the other's user
        // code.
        let found = Arc::new((self.function.types)());
        self.types.get_or_init(|| found)
    }
}

/// A call that is counted while it runs.
pub(super) struct Running {
    entry: Arc<Entry>,
    _loaded: Arc<Loaded>,
    call: Call,
}

impl Running {
    /// The place of the call.
    pub(super) fn whereabouts(&self) -> Arc<Place> {
        self.call.whereabouts()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.entry.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Loaded {
    #[cfg(test)]
    pub(super) fn new(generation: Generation, functions: &[&'static Function]) -> Self {
        let functions = functions
            .iter()
            .map(|function| (function.key, Entry::new(function)))
            .collect();
        Self {
            generation,
            functions,
            formers: Arc::default(),
        }
    }

    pub(super) fn function(&self, key: &str) -> Option<&Arc<Entry>> {
        self.functions.get(key)
    }

    /// Keys of the functions that run now.
    pub(super) fn running(&self) -> impl Iterator<Item = &'static str> {
        let entries = self.functions.iter();
        let running = entries.filter(|(_, entry)| entry.running.load(Ordering::Relaxed) > 0);
        running.map(|(key, _)| *key)
    }

    /// The function with the most similar path, if it is similar enough.
    pub(super) fn nearest(&self, key: &str) -> Option<String> {
        let wanted = path_of(key);
        let distance = |key: &&'static str| edit_distance(wanted, path_of(key));
        let nearest = self
            .functions
            .keys()
            .copied()
            .min_by_key(|key| (distance(key), *key))?;
        let alike = distance(&nearest) <= wanted.chars().count().max(3) / 3;
        let last = |path: &str| path.rsplit("::").next().map(str::to_owned);
        (alike || last(wanted) == last(path_of(nearest))).then(|| path_of(nearest).to_owned())
    }
}

/// The generations whose functions may still run.
#[derive(Default)]
pub(super) struct Generations(Mutex<Vec<Weak<Loaded>>>);

impl Generations {
    /// Adds a generation whose functions may run from now on.
    fn add(&self, loaded: &Arc<Loaded>) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.retain(|generation| generation.strong_count() > 0);
        generations.push(Arc::downgrade(loaded));
    }

    /// The paths of the running functions.
    pub(super) fn running(&self) -> Vec<String> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = BTreeSet::new();
        for loaded in generations.iter().filter_map(Weak::upgrade) {
            names.extend(loaded.running().map(path_of).map(str::to_owned));
        }
        names.into_iter().collect()
    }
}

impl Worker {
    /// Loads a generation, decides about each state, and publishes the generation. On an error
    /// nothing changes.
    pub(super) fn load(
        &self,
        generation: Generation,
        manifest: &Manifest,
        options: &StateOptions,
        restore: Option<&Path>,
    ) -> Result<worker::Loaded, SwapRefused> {
        let started = Instant::now();
        let mut objects = Vec::new();
        for layer in &manifest.layers {
            self.open(&layer.object).map_err(SwapRefused::Load)?;
        }
        let mut functions = HashMap::new();
        let mut states = Vec::new();
        let mut inits = Vec::new();
        for object in &manifest.crates {
            let opened = self.open(&object.object).map_err(SwapRefused::Load)?;
            objects.push(LoadedObject {
                name: object.object.name.clone(),
                build_id: opened.build_id().unwrap_or_default(),
                again: false,
            });
            functions_of(object, &opened, &mut functions).map_err(SwapRefused::Load)?;
            states_of(object, &opened, &mut states).map_err(SwapRefused::Load)?;
            inits_of(object, &opened, &mut inits).map_err(SwapRefused::Load)?;
        }
        // The registry's lock serializes swaps, publication included.
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = registry.decide(states).map_err(SwapRefused::Load)?;
        if let Some(file) = restore {
            registry.restore(&mut plan, file, options)?;
        }
        let resets = plan.resets();
        if options.keep && !resets.is_empty() {
            return Err(SwapRefused::WouldReset(resets));
        }
        // No value may change while it is moved: a write to the old one would be lost.
        let timeout = Duration::from_millis(options.timeout_ms);
        let migrations = plan.migrations();
        let closed = match migrations.is_empty() {
            true => None,
            false => Some(self.gate.close(timeout).map_err(|_| SwapRefused::Busy {
                states: migrations,
                calls: self.generations.running(),
                after_ms: options.timeout_ms,
            })?),
        };
        registry.migrate(&mut plan, options)?;
        let states = registry.apply(plan, generation, self.user.runtime());
        // Initializers read the states' values, and no call begins before they return. They do not
        // run for later generations.
        let inits = self.initialize(&inits)?;
        for object in &mut objects {
            object.again = !registry.served.insert(object.name.clone());
        }
        let loaded = Arc::new(Loaded {
            generation,
            functions: functions
                .into_iter()
                .map(|(key, function)| (key, Entry::new(function)))
                .collect(),
            formers: Arc::clone(&registry.formers),
        });
        registry.formers.serves(generation, &loaded);
        self.generations.add(&loaded);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        let paused = closed.map_or(Duration::ZERO, |closed| closed.elapsed());
        Ok(worker::Loaded {
            objects,
            states,
            inits,
            load_us: micros(started.elapsed()),
            paused_us: micros(paused),
        })
    }

    fn open(&self, object: &Object) -> Result<dl::Object, String> {
        let path = self.config.objects.join(&object.name);
        check(&path, object)?;
        // SAFETY: the host verified the object's hash, and `cargo kt` linked it for this base: its
        // soname binds it to the base's soname, which the dynamic linker resolves to the base that
        // this process started with.
        let opened = unsafe { dl::Object::open(&path) }
            .map_err(|error| format!("{}: {error}", object.name))?;
        let found = opened.build_id().unwrap_or_default();
        if found != object.build_id {
            return Err(format!(
                "{} has build id {found} in memory, but {} was sent: an older object of that name is loaded",
                object.name, object.build_id
            ));
        }
        Ok(opened)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn check(path: &Path, object: &Object) -> Result<(), String> {
    let size = fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if size == object.size {
        Ok(())
    } else {
        Err(format!(
            "{} has {size} bytes instead of {}",
            object.name, object.size
        ))
    }
}

fn functions_of(
    object: &CrateObject,
    opened: &dl::Object,
    functions: &mut HashMap<&'static str, &'static Function>,
) -> Result<(), String> {
    for key in &object.functions {
        let address = opened
            .symbol(&format!("kt:fn:{key}"))
            .ok_or_else(|| format!("{} lacks the function {key}", object.object.name))?;
        // SAFETY: `#[kt::remote]` exports a `Function` of this kt-runtime under this name, in an
        // object that is never unloaded.
        let function: &'static Function = unsafe { &*address.cast() };
        if let Some(other) = functions.insert(function.key, function) {
            return Err(format!(
                "two remote functions have the same name: {other:?} and {function:?}"
            ));
        }
    }
    Ok(())
}

fn states_of(
    object: &CrateObject,
    opened: &dl::Object,
    states: &mut Vec<NewState>,
) -> Result<(), String> {
    for entry in &object.states {
        let address = opened
            .symbol(&format!("kt:state:{}", entry.key))
            .ok_or_else(|| format!("{} lacks the state {}", object.object.name, entry.key))?;
        // SAFETY: as for functions, with `#[kt::state]` and `StateDescriptor`.
        let descriptor: &'static StateDescriptor = unsafe { &*address.cast() };
        states.push(NewState {
            descriptor,
            layout: entry.layout.clone(),
        });
    }
    Ok(())
}

fn inits_of(
    object: &CrateObject,
    opened: &dl::Object,
    inits: &mut Vec<&'static InitDescriptor>,
) -> Result<(), String> {
    for key in &object.inits {
        let address = opened
            .symbol(&format!("kt:start:{key}"))
            .ok_or_else(|| format!("{} lacks the function {key}", object.object.name))?;
        // SAFETY: as for functions, with `#[kt::init]` and `InitDescriptor`.
        inits.push(unsafe { &*address.cast() });
    }
    Ok(())
}
