//! *Reload keys* make a worker load a crate's object again although the crate was not edited.
//!
//! A worker treats objects with the same name as the same object. So another key means another
//! name, and everything that binds to the object gets another name too. A key depends only on the
//! build and not on what is running: undoing an edit gives the former names again. There are two
//! reasons for a key:
//! - **The layouts of the crate's states.** A state's layout can change while its crate's code
//!   stays the same, byte for byte: a `Box<dyn Any>` in it has a value that another crate stored,
//!   or a reference in it leads to a type that another crate declares. The crate's handle must not
//!   give calls that disagree on the layout access to the same memory. So a name implies the
//!   layouts of the states.
//! - **Registries that other crates fill** at load time ([`super::registries`]). A registry must be
//!   empty whenever one of the crates that fill it is loaded again. Then all of them are loaded
//!   again, as they bind to the registry's crate, and each registers once. So the registry's key
//!   depends on everything that changes the name of a filling crate: its content, and the contents
//!   of what it uses. It uses contents and not names, as a filling crate's name follows from the
//!   key.

use std::collections::BTreeSet;

use super::{LinkError, LinkedLayer, StateKeys, registries::Program};
use crate::{artifacts::Compiled, layout::LayoutError};

/// Returns the layouts of the states of hot crates, given the program as it is linked, the layers
/// of the base, and the keys of the states by the crate's index in [`Compiled::hot`].
pub type LayoutsOf<'a> = dyn Fn(
        &Compiled,
        &[LinkedLayer],
        &[(usize, Vec<String>)],
        &[String],
    ) -> Result<StateKeys, LayoutError>
    + Sync
    + 'a;

/// Gets the layouts of all states. `states` has, for each crate, the keys of its states and the
/// keys of those with the argument `keep`.
pub(super) fn states<'a>(
    compiled: &Compiled,
    states: impl Iterator<Item = (&'a Vec<String>, &'a Vec<String>)>,
    layers: &[LinkedLayer],
    layouts: &LayoutsOf<'_>,
) -> Result<StateKeys, LinkError> {
    let (states, keeps): (Vec<_>, Vec<_>) = states.unzip();
    let keeps: Vec<String> = keeps.into_iter().flatten().cloned().collect();
    let requested: Vec<_> = states
        .into_iter()
        .cloned()
        .enumerate()
        .filter(|(_, states)| !states.is_empty())
        .collect();
    match requested.is_empty() {
        true => Ok(StateKeys::new()),
        false => Ok(layouts(compiled, layers, &requested, &keeps)?),
    }
}

/// The reload keys of all hot crates.
#[derive(Debug, Default)]
pub(super) struct ReloadKeys(Vec<Vec<String>>);

impl ReloadKeys {
    /// `uses` has, for each crate, the crates that its name depends on.
    pub fn new(program: &Program<'_>, uses: &[Vec<usize>], states: &StateKeys) -> Self {
        let state = |index: usize| states.get(&index);
        let mut keys: Vec<Vec<String>> = (0..uses.len())
            .map(|index| state(index).cloned().into_iter().collect())
            .collect();
        let mut fillers = vec![BTreeSet::new(); uses.len()];
        for (index, registrations) in program.registrations.iter().enumerate() {
            for &registry in &registrations.hot {
                fillers[registry].insert(index);
            }
        }
        let inputs = inputs(uses, &fillers);
        for (registry, _) in fillers.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
            for &input in inputs[registry].iter().filter(|&&input| input != registry) {
                let name = &program.compiled.hot[input].crate_name;
                let content = &program.hot[input].content;
                keys[registry].push(format!("{name} {content}"));
                keys[registry].extend(state(input).cloned());
            }
        }
        Self(keys)
    }

    /// The reload keys of a crate's object. Most crates have none.
    pub fn of(&self, index: usize) -> &[String] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }
}

/// For each crate, all crates whose contents or states affect its name: itself, the crates that it
/// uses, those that fill it, and theirs.
fn inputs(uses: &[Vec<usize>], fillers: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut inputs: Vec<BTreeSet<usize>> = (0..uses.len()).map(|it| [it].into()).collect();
    loop {
        let mut grown = false;
        for index in 0..inputs.len() {
            let others = uses[index].iter().chain(&fillers[index]);
            let more: BTreeSet<usize> = others.flat_map(|it| inputs[*it].clone()).collect();
            let before = inputs[index].len();
            inputs[index].extend(more);
            grown |= inputs[index].len() > before;
        }
        if !grown {
            return inputs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_depends_on_all_inputs_of_its_fillers() {
        // 0 is a registry; 1 is independent; 2 uses 0 and 1 and fills 0; 3 fills 0; 4 uses 2.
        let uses = [vec![], vec![], vec![0, 1], vec![0], vec![2]];
        let fillers = [
            BTreeSet::from([2, 3]),
            BTreeSet::new(),
            BTreeSet::new(),
            BTreeSet::new(),
            BTreeSet::new(),
        ];
        let inputs = inputs(&uses, &fillers);
        assert_eq!(inputs[0], BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(inputs[1], BTreeSet::from([1]));
        assert_eq!(inputs[2], inputs[0]);
    }

    #[test]
    fn a_registry_depends_on_the_fillers_of_registries_that_its_fillers_use() {
        // 2 fills 0 and uses 1, a registry that 3 fills.
        let uses = [vec![], vec![], vec![0, 1], vec![1]];
        let fillers = [
            BTreeSet::from([2]),
            BTreeSet::from([3]),
            BTreeSet::new(),
            BTreeSet::new(),
        ];
        assert_eq!(inputs(&uses, &fillers)[0], BTreeSet::from([0, 1, 2, 3]));
    }
}
