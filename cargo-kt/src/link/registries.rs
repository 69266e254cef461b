//! Registries that span several crates: which crates fill them at load time, and which crates
//! contain them.
//!
//! A registry in a third-party crate is in the base, which is loaded once, so it would keep the
//! entries of former code. That crate and the third-party crates that bind to it therefore become
//! hot for this program. This is done for registries of `inventory`, as only registration happens
//! there. Any other static of the base that is reached may be a logger that is set or only read, so
//! its crate stays in the base, and kt warns when such code runs again.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    CrateIdentity, LinkError,
    archive::ArchiveFacts,
    hash::Name,
    reach::{Reached, Reader, Source},
    symbols::{self, Symbols},
    warm,
};
use crate::artifacts::{BaseCrate, Compiled, HotCrate};

/// How many results are cached.
const MAX_RESULTS: usize = 64;

/// Never becomes hot: objects and worker share it for the worker's whole life.
const RUNTIME: &str = "kt-runtime";

/// A program, and the facts about its rlibs that are needed before linking.
#[derive(Debug, Clone)]
pub(super) struct Program<'a> {
    pub compiled: Cow<'a, Compiled>,
    pub base: Vec<ArchiveFacts>,
    pub hot: Vec<ArchiveFacts>,
    /// One per hot crate.
    pub symbols: Vec<Symbols>,
    /// Crates of the base that became hot.
    pub promoted: Vec<CrateIdentity>,
    /// One per hot crate.
    pub registrations: Vec<Registrations>,
}

/// What a crate's load-time code may write to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Registrations {
    /// Other hot crates, by index.
    pub hot: BTreeSet<usize>,
    /// Paths of statics of the base, by crate.
    pub base: BTreeMap<usize, BTreeSet<String>>,
    /// The crates in `base` that have a list of inventory.
    inventories: BTreeSet<usize>,
}

impl Registrations {
    /// The statics of the base, each with its crate.
    pub fn named(&self, compiled: &Compiled) -> Vec<(String, String)> {
        let named = |(owner, paths): (&usize, &BTreeSet<String>)| {
            let package = &compiled.base[*owner].package;
            let paths = paths.iter().cloned();
            paths
                .map(|path| (package.clone(), path))
                .collect::<Vec<_>>()
        };
        self.base.iter().flat_map(named).collect()
    }
}

impl<'a> Program<'a> {
    /// Finds which registries are filled by which crates, and turns the crates with registries of
    /// inventory into hot ones.
    pub fn resolve_registrations(mut self, kt_dir: &warm::KtDir) -> Result<Self, LinkError> {
        if !self.hot.iter().any(|facts| facts.constructors) {
            self.registrations = vec![Registrations::default(); self.hot.len()];
            return Ok(self);
        }
        let mut symbols = self.base_symbols(kt_dir)?;
        loop {
            self.registrations = self.find(kt_dir, &symbols)?;
            let mut owners = BTreeMap::new();
            for (index, it) in self.registrations.iter().enumerate() {
                owners.extend(it.inventories.iter().map(|owner| (*owner, index)));
            }
            if owners.is_empty() {
                return Ok(self);
            }
            self = self.promote(&owners, &mut symbols)?;
        }
    }

    fn base_symbols(&self, kt_dir: &warm::KtDir) -> Result<Vec<Symbols>, LinkError> {
        let find = |(krate, facts): (&BaseCrate, &ArchiveFacts)| {
            symbols::of_rlib(kt_dir, &krate.rlib, facts)
        };
        self.compiled
            .base
            .iter()
            .zip(&self.base)
            .map(find)
            .collect()
    }

    fn find(
        &self,
        kt_dir: &warm::KtDir,
        base: &[Symbols],
    ) -> Result<Vec<Registrations>, LinkError> {
        (0..self.hot.len())
            .map(|index| match self.hot[index].constructors {
                true => self.registrations_of(index, kt_dir, base),
                false => Ok(Registrations::default()),
            })
            .collect()
    }

    /// What the constructors of one hot crate reach. The result is cached until the crate or one of
    /// its dependencies changes.
    fn registrations_of(
        &self,
        index: usize,
        kt_dir: &warm::KtDir,
        base: &[Symbols],
    ) -> Result<Registrations, LinkError> {
        let compiled = &self.compiled;
        let own = [index].into_iter();
        let hot: Vec<usize> = own
            .chain(compiled.hot[index].dependencies.iter().copied())
            .collect();
        let mut name = Name::new("registrations");
        name.add_all(hot.iter().map(|&it| &self.hot[it].content))
            .add_all(self.base.iter().map(|facts| &facts.content));
        let cache = kt_dir.registrations().join(&name.hex()[..32]);
        let reached = match warm::read_json::<BTreeSet<Reached>>(&cache) {
            Some(known) => known,
            None => {
                let hot = hot.iter().map(|&it| Source {
                    rlib: &compiled.hot[it].rlib,
                    symbols: &self.symbols[it],
                });
                let base = compiled
                    .base
                    .iter()
                    .zip(base)
                    .map(|(krate, symbols)| Source {
                        rlib: &krate.rlib,
                        symbols,
                    });
                let sources: Vec<_> = hot.chain(base).collect();
                let data: Vec<_> = sources.iter().map(|_| OnceCell::new()).collect();
                let reached = Reader::new(&sources, &data).reached(0)?;
                warm::write_json(&cache, &reached)?;
                reached
            }
        };
        let mut found = Registrations::default();
        for it in &reached {
            match hot.get(it.source) {
                Some(crate_index) => drop(found.hot.insert(*crate_index)),
                None => {
                    let owner = it.source - hot.len();
                    if it.is_inventory() {
                        found.inventories.insert(owner);
                    }
                    found.base.entry(owner).or_default().insert(it.path());
                }
            }
        }
        Ok(found)
    }

    /// Makes base crates hot, together with the base crates that bind to them. `owners` maps each
    /// registry's crate to a hot crate that fills it.
    fn promote(
        mut self,
        owners: &BTreeMap<usize, usize>,
        symbols: &mut Vec<Symbols>,
    ) -> Result<Self, LinkError> {
        let all = symbols.len();
        let mut chosen: BTreeSet<usize> = owners.keys().copied().collect();
        loop {
            let binds = |it: &usize| {
                !chosen.contains(it)
                    && chosen
                        .iter()
                        .any(|other| symbols[*it].uses(&symbols[*other]))
            };
            let more: Vec<_> = (0..all).filter(binds).collect();
            if more.is_empty() {
                break;
            }
            chosen.extend(more);
        }
        let compiled = self.compiled.as_ref();
        let has_runtime = chosen
            .iter()
            .any(|it| compiled.base[*it].package == RUNTIME);
        let order = in_order(&chosen, symbols).filter(|_| !has_runtime);
        let Some(order) = order else {
            let (owner, submitter) = owners.iter().next().map_or((0, 0), |(a, b)| (*a, *b));
            return Err(LinkError::RegistryOfBase {
                registry: compiled.base[owner].package.clone(),
                submitter: compiled.hot[submitter].crate_name.clone(),
            });
        };
        let count = order.len();
        let mut hot: Vec<HotCrate> = Vec::new();
        for (at, &index) in order.iter().enumerate() {
            let below = |other: &usize| symbols[index].uses(&symbols[order[*other]]);
            let direct: Vec<usize> = (0..at).filter(below).collect();
            let further = direct.iter().flat_map(|it: &usize| &hot[*it].dependencies);
            let dependencies: BTreeSet<usize> = direct.iter().chain(further).copied().collect();
            let krate = &compiled.base[index];
            let mut krate = promoted(krate, &self.base[index]);
            krate.dependencies = dependencies.into_iter().collect();
            hot.push(krate);
        }
        // Symbols decide later which of them a crate binds to.
        hot.extend(compiled.hot.iter().cloned().map(|mut krate| {
            let own = krate.dependencies.iter().map(|it| it + count);
            krate.dependencies = (0..count).chain(own).collect();
            krate
        }));
        let facts = order.iter().map(|&it| self.base[it].clone());
        self.hot = facts.chain(std::mem::take(&mut self.hot)).collect();
        let moved = order.iter().map(|&it| symbols[it].clone());
        self.symbols = moved.chain(std::mem::take(&mut self.symbols)).collect();
        self.promoted.extend(order.iter().map(|&it| CrateIdentity {
            package: compiled.base[it].package.clone(),
            version: compiled.base[it].version.clone(),
            content: self.base[it].content.clone(),
        }));
        let stays = |index: &usize| !chosen.contains(index);
        let base = (0..all).filter(stays).map(|it| compiled.base[it].clone());
        self.compiled = Cow::Owned(Compiled {
            base: base.collect(),
            hot,
            ..compiled.clone()
        });
        self.base = (0..all)
            .filter(stays)
            .map(|it| self.base[it].clone())
            .collect();
        *symbols = (0..all)
            .filter(stays)
            .map(|it| symbols[it].clone())
            .collect();
        Ok(self)
    }
}

/// Sorted with dependencies first; `None` if they bind to each other in a cycle.
fn in_order(chosen: &BTreeSet<usize>, symbols: &[Symbols]) -> Option<Vec<usize>> {
    let mut left = chosen.clone();
    let mut order = Vec::new();
    while !left.is_empty() {
        let ready = |it: &&usize| {
            let mut others = left.iter().filter(|other| other != it);
            !others.any(|other| symbols[**it].uses(&symbols[*other]))
        };
        let next = *left.iter().find(ready)?;
        left.remove(&next);
        order.push(next);
    }
    Some(order)
}

fn promoted(krate: &BaseCrate, facts: &ArchiveFacts) -> HotCrate {
    let stem = krate.rlib.file_stem().unwrap_or(&krate.package);
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    HotCrate {
        types: None,
        package: krate.package.clone(),
        version: krate.version.clone(),
        crate_name: stem
            .rsplit_once('-')
            .map_or(stem, |(name, _)| name)
            .to_owned(),
        rlib: krate.rlib.clone(),
        dependencies: Vec::new(),
        sources_hash: facts.content.clone(),
        sources: Vec::new(),
        variables: Vec::new(),
        invocation: None,
    }
}

/// Removes the oldest cached results.
pub(super) fn prune(kt_dir: &warm::KtDir) {
    warm::prune(
        &kt_dir.registrations(),
        MAX_RESULTS,
        |_| Some(()),
        |old| drop(std::fs::remove_file(old)),
    );
}
