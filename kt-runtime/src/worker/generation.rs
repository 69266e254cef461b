//! Loading: from a manifest to functions that can be called. Nothing is published before all of it is known to be right.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{Worker, registry::NewState};
use crate::{
    function::{Function, path_of},
    state::StateDescriptor,
    sys::dl,
    wire::{
        Generation,
        control::LoadedObject,
        manifest::{CrateObject, Manifest, Object},
        worker,
    },
};

/// One generation, ready for calls.
pub(super) struct Loaded {
    pub(super) generation: Generation,
    functions: HashMap<&'static str, &'static Function>,
    /// Of the functions that a driver of another generation called.
    shapes: Mutex<HashMap<&'static str, Option<u64>>>,
}

impl Loaded {
    #[cfg(test)]
    pub(super) fn new(generation: Generation, functions: &[&'static Function]) -> Self {
        let functions = functions
            .iter()
            .map(|function| (function.key, *function))
            .collect();
        Self {
            generation,
            functions,
            shapes: Mutex::default(),
        }
    }

    pub(super) fn function(&self, key: &str) -> Option<&'static Function> {
        self.functions.get(key).copied()
    }

    pub(super) fn shape(&self, function: &'static Function) -> Option<u64> {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        *shapes
            .entry(function.key)
            .or_insert_with(|| (function.shape)())
    }

    /// The function whose path differs least, if it is alike at all.
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

impl Worker {
    /// Loads a generation, decides about each state, and publishes it. On an error everything stays as it was.
    pub(super) fn load(
        &self,
        generation: Generation,
        manifest: &Manifest,
    ) -> Result<worker::Loaded, String> {
        let started = Instant::now();
        let mut objects = Vec::new();
        for layer in &manifest.layers {
            self.open(&layer.object)?;
        }
        let mut functions = HashMap::new();
        let mut states = Vec::new();
        for object in &manifest.crates {
            let opened = self.open(&object.object)?;
            objects.push(LoadedObject {
                name: object.object.name.clone(),
                build_id: opened.build_id().unwrap_or_default(),
            });
            functions_of(object, &opened, &mut functions)?;
            states_of(object, &opened, &mut states)?;
        }
        // The registry's lock makes swaps one after another, and covers the publication too.
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let decided = registry.decide(states)?;
        let states = registry.apply(decided);
        let loaded = Arc::new(Loaded {
            generation,
            functions,
            shapes: Mutex::default(),
        });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        let load_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(worker::Loaded {
            objects,
            states,
            load_us,
        })
    }

    fn open(&self, object: &Object) -> Result<dl::Object, String> {
        let path = self.config.objects.join(&object.name);
        check(&path, object)?;
        // SAFETY: the host has verified the object's hash, and `cargo kt` linked it for this very base: its soname binds it
        // to the base's, which the dynamic linker resolves to what this process was started with.
        let opened = unsafe { dl::Object::open(&path) }
            .map_err(|error| format!("{}: {error}", object.name))?;
        let found = opened.build_id().unwrap_or_default();
        if found != object.build_id {
            return Err(format!(
                "{} has the build id {found} in memory, and {} was sent: an older object of that name is loaded",
                object.name, object.build_id
            ));
        }
        Ok(opened)
    }
}

fn check(path: &Path, object: &Object) -> Result<(), String> {
    let size = fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if size == object.size {
        Ok(())
    } else {
        Err(format!(
            "{} has {size} bytes, not {}",
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
        // SAFETY: `#[kt::remote]` exports a `Function` of this kt-runtime under this name, in an object that is never unloaded.
        let function: &'static Function = unsafe { &*address.cast() };
        if let Some(other) = functions.insert(function.key, function) {
            return Err(format!(
                "two remote functions have one name: {other:?} and {function:?}"
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

/// How many characters must be put in, taken out or changed (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, distance) in [
            ("", "", 0),
            ("kitten", "sitting", 3),
            ("abc", "", 3),
            ("get", "set", 1),
        ] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
