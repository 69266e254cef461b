//! How a program's states are laid out, found out once: before the objects are linked if any has to be, since layouts are part of their names.

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

/// Links a program, and says how its states are laid out.
///
/// # Errors
/// See [`LinkError`].
pub(super) fn link(
    compiled: &Compiled,
    warm: &Utf8Path,
    existing: &[ExistingLayer],
    stubs: Option<&Stubs>,
    progress: &dyn Fn(LinkEvent),
) -> Result<(Linked, Vec<StateLayout>), LinkError> {
    let asked = Mutex::new(None);
    let answer = |compiled: &Compiled,
                  layers: &[LinkedLayer],
                  states: &[(usize, Vec<String>)],
                  keeps: &[String]| {
        let (layouts, keys) = find(compiled, warm, layers, states, keeps)?;
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(layouts);
        Ok(keys)
    };
    let linked = link::link(compiled, warm, existing, stubs, &answer, progress)?;
    let layouts = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Nothing is asked about a program without states.
    Ok((linked, layouts.unwrap_or_default()))
}

fn find(
    compiled: &Compiled,
    warm: &Utf8Path,
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
        warm,
    })?;
    let layouts = pending.wait();
    let everything = LazyCell::new(|| pending.everything());
    let keys = keys(&layouts, &everything);
    Ok((layouts, keys))
}

/// A layout that is unknown may be any that the program allows; what that depends on is found out only if there is one.
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
