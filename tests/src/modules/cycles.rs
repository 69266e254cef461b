//! The cycles among the modules of each folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use super::{
    paths::{resolve, written},
    tree::{ModulePath, Tree},
};

/// Modules of one folder each of which uses, perhaps through others, all of the others.
#[derive(Debug)]
pub struct Cycle {
    folder: ModulePath,
    members: BTreeSet<String>,
    /// One place for each use that ties the cycle.
    uses: BTreeMap<(String, String), String>,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<_> = self.members.iter().map(String::as_str).collect();
        writeln!(
            f,
            "crate::{}: {}",
            self.folder.join("::"),
            members.join(" ")
        )?;
        for ((from, to), place) in &self.uses {
            writeln!(f, "  {from} uses {to}: {place}")?;
        }
        Ok(())
    }
}

/// All cycles of the crate whose root is the file `root`.
pub fn cycles(root: &Path) -> Vec<Cycle> {
    let tree = Tree::of(root);
    let mut folders: BTreeMap<ModulePath, BTreeMap<(String, String), String>> = BTreeMap::new();
    for (from, module) in &tree.modules {
        for path in written(module) {
            let Some(to) = resolve(&tree, from, &path.segments) else {
                continue;
            };
            let common = from
                .iter()
                .zip(&to)
                .take_while(|(from, to)| from == to)
                .count();
            // A folder and what is in it, or a module and itself.
            let (Some(user), Some(used)) = (from.get(common), to.get(common)) else {
                continue;
            };
            folders
                .entry(from[..common].to_vec())
                .or_default()
                .entry((user.clone(), used.clone()))
                .or_insert_with(|| {
                    format!(
                        "{}:{}: {}",
                        module.file.display(),
                        path.line,
                        path.segments.join("::")
                    )
                });
        }
    }
    folders
        .into_iter()
        .flat_map(|(folder, uses)| components(&folder, &uses))
        .collect()
}

/// The strongly connected components that have more than one member.
fn components(folder: &ModulePath, uses: &BTreeMap<(String, String), String>) -> Vec<Cycle> {
    let nodes: BTreeSet<_> = uses.keys().flat_map(|(from, to)| [from, to]).collect();
    let reached: BTreeMap<_, _> = nodes
        .iter()
        .map(|node| (*node, reach(node, uses)))
        .collect();
    let mut placed = BTreeSet::new();
    let mut found = Vec::new();
    for node in nodes {
        let members: BTreeSet<_> = reached[node]
            .iter()
            .filter(|other| reached[*other].contains(node))
            .cloned()
            .collect();
        if members.len() < 2 || !placed.insert(members.clone()) {
            continue;
        }
        let uses = uses
            .iter()
            .filter(|((from, to), _)| members.contains(from) && members.contains(to))
            .map(|(edge, place)| (edge.clone(), place.clone()));
        found.push(Cycle {
            folder: folder.clone(),
            uses: uses.collect(),
            members,
        });
    }
    found
}

/// Everything that a node uses, perhaps through others.
fn reach(node: &str, uses: &BTreeMap<(String, String), String>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![node.to_owned()];
    while let Some(next) = open.pop() {
        for (_, to) in uses.keys().filter(|(from, _)| *from == next) {
            if reached.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    reached
}
