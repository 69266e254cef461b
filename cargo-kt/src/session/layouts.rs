//! The layouts of a program's states, determined once. If any object must be linked, they come first: layouts are part of the
//! objects' names.

use std::{
    cell::LazyCell,
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use camino::Utf8Path;

use crate::{
    artifacts::Compiled,
    glibc::Stubs,
    layout::{self, LayoutError, LayoutRequest, StateLayout},
    link::{self, ExistingLayer, LinkError, LinkEvent, Linked, LinkedLayer, StateKeys},
};

/// Links a program and determines the layouts of its states.
///
/// # Errors
/// See [`LinkError`].
pub(super) fn link(
    compiled: &Compiled,
    kt_directory: &Utf8Path,
    existing: &[ExistingLayer],
    stubs: Option<&Stubs>,
    progress: &dyn Fn(LinkEvent),
) -> Result<(Linked, Vec<StateLayout>), LinkError> {
    let asked = Mutex::new(None);
    let answer = |compiled: &Compiled,
                  layers: &[LinkedLayer],
                  states: &[(usize, Vec<String>)],
                  keeps: &[String]| {
        let (layouts, keys) = find(compiled, kt_directory, layers, states, keeps)?;
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(layouts);
        Ok(keys)
    };
    let linked = link::link(compiled, kt_directory, existing, stubs, &answer, progress)?;
    let layouts = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A program without states has no layouts.
    Ok((linked, layouts.unwrap_or_default()))
}

fn find(
    compiled: &Compiled,
    kt_directory: &Utf8Path,
    layers: &[LinkedLayer],
    states: &[(usize, Vec<String>)],
    keeps: &[String],
) -> Result<(Vec<StateLayout>, StateKeys), LayoutError> {
    let base: String = layers
        .iter()
        .map(|layer| layer.file.blake3.as_str())
        .collect();
    let mut pending = layout::begin(LayoutRequest {
        compiled,
        states,
        keeps,
        base_id: &base,
        warm: kt_directory,
    })?;
    let layouts = pending.wait();
    let everything = LazyCell::new(|| pending.everything());
    let keys = keys(&layouts, &everything);
    Ok((layouts, keys))
}

/// An unknown layout may change with anything in the program. That digest is computed only where a layout is unknown.
fn keys(layouts: &[StateLayout], everything: &impl Deref<Target = String>) -> StateKeys {
    let mut keys = StateKeys::new();
    for StateLayout { hot, key, layout } in layouts {
        let layout = match layout {
            Ok(layout) => layout.fingerprint.to_string(),
            Err(_) => format!("unknown of {}", everything.as_str()),
        };
        *keys.entry(*hot).or_default() += &format!("{key} {layout}\n");
    }
    keys
}
