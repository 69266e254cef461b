//! *Reload keys*: what makes a worker load a crate's object again although the crate was not edited.
//!
//! A worker takes an object of the same name for the same object, so another key means another name, and everything that binds to the object
//! gets another name too. A key is made of what the build holds and of nothing that happens to run: an edit there and back names the
//! former objects again. There is one reason for a key so far:
//! - **The layouts of the crate's states.** A state's layout can change while its crate's code stays as it is, byte for byte: a
//!   `Box<dyn Any>` in it holds what another crate puts there, a reference in it leads to a type that another crate declares. The
//!   crate's handle must not show one piece of memory to calls that disagree on the layout. So a name implies the layouts of the states.

use std::collections::BTreeMap;

use super::{LinkError, LinkedLayer, archive::ArchiveFacts};
use crate::layout::LayoutError;

/// Answers how the states of hot crates are laid out: given the layers of the base, and the keys of the states by the crate's index in
/// [`crate::build::Compiled::hot`].
pub type LayoutsOf<'a> =
    dyn Fn(&[LinkedLayer], &[(usize, Vec<String>)]) -> Result<StateKeys, LayoutError> + Sync + 'a;

/// The layouts of a program's states, as text for reload keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateKeys {
    /// By the crate's index in [`crate::build::Compiled::hot`]: another text for other layouts.
    pub keys: BTreeMap<usize, String>,
    /// Every layout is known, so that it will be the same when asked for again.
    pub lasting: bool,
}

impl Default for StateKeys {
    /// Of a program without states.
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            lasting: true,
        }
    }
}

/// Asks for the layouts of all states that the rlibs declare.
pub(super) fn states(
    facts: &[ArchiveFacts],
    layers: &[LinkedLayer],
    layouts: &LayoutsOf<'_>,
) -> Result<StateKeys, LinkError> {
    let asked: Vec<_> = facts
        .iter()
        .enumerate()
        .filter(|(_, facts)| !facts.states.is_empty())
        .map(|(index, facts)| (index, facts.states.clone()))
        .collect();
    match asked.is_empty() {
        true => Ok(StateKeys::default()),
        false => Ok(layouts(layers, &asked)?),
    }
}

/// The keys of all hot crates.
#[derive(Debug, Default)]
pub(super) struct ReloadKeys(Vec<Vec<String>>);

impl ReloadKeys {
    pub fn new(crates: usize, states: &StateKeys) -> Self {
        let of = |index| states.keys.get(&index).cloned().into_iter().collect();
        Self((0..crates).map(of).collect())
    }

    /// What goes into the name of a crate's object; nothing for most.
    pub fn of(&self, index: usize) -> &[String] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }
}
