//! Finds the statics of *other* crates that a crate's load-time code can reach and may write to.
//!
//! Such code fills registries that span several crates (`inventory`, and `typetag` on top of it;
//! functions with `#[ctor]`). An object that is loaded again registers again, so the registry must
//! be reset with it.
//!
//! The search follows relocations, from the lists of constructors through the functions that code
//! refers to and the methods in vtables. It does not follow pointers to functions in other data:
//! registered functions are not called at load time. It prefers false positives: a static that is
//! only read counts too.

mod graph;

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet, VecDeque},
};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::{
    LinkError,
    symbols::{Symbols, name_hash},
    warm,
};
use graph::{Archive, Kind, Place, Target};

/// An rlib to read if the search reaches it.
pub(super) struct Source<'a> {
    pub rlib: &'a Utf8Path,
    pub symbols: &'a Symbols,
}

/// A static of another crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Reached {
    /// Index of its source.
    pub source: usize,
    /// Its symbol.
    pub symbol: String,
}

impl Reached {
    /// Its demangled path.
    pub fn path(&self) -> String {
        format!("{:#}", rustc_demangle::demangle(&self.symbol))
    }

    /// Whether it is the list that `inventory::collect!` declares.
    pub fn is_inventory(&self) -> bool {
        is_inventory(&self.path())
    }
}

/// Whether a static of this path is the list that `inventory::collect!` declares.
pub(super) fn is_inventory(path: &str) -> bool {
    path.contains(" as inventory::Collect>::registry::")
}

/// The archives that were read so far.
pub(super) struct Reader<'a> {
    sources: &'a [Source<'a>],
    data: &'a [OnceCell<Vec<u8>>],
    archives: Vec<OnceCell<Archive<'a>>>,
}

impl<'a> Reader<'a> {
    /// `data` has one cell for each source's content.
    pub fn new(sources: &'a [Source<'a>], data: &'a [OnceCell<Vec<u8>>]) -> Self {
        Self {
            sources,
            data,
            archives: sources.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    fn archive(&self, source: usize) -> Result<&Archive<'a>, LinkError> {
        if let Some(archive) = self.archives[source].get() {
            return Ok(archive);
        }
        let rlib = self.sources[source].rlib;
        let data = match self.data[source].get() {
            Some(data) => data,
            None => {
                let read = warm::read(rlib)?;
                self.data[source].get_or_init(|| read)
            }
        };
        let archive = Archive::parse(data).map_err(LinkError::object(rlib))?;
        Ok(self.archives[source].get_or_init(|| archive))
    }

    /// The definition of a symbol: in the archive that refers to it, or else in the first that has
    /// it.
    fn find(&self, from: usize, symbol: &[u8]) -> Result<Option<(usize, Place)>, LinkError> {
        if let Some(place) = self.archive(from)?.find(symbol) {
            return Ok(Some((from, place)));
        }
        let hash = name_hash(symbol);
        for (source, it) in self.sources.iter().enumerate() {
            if source != from
                && it.symbols.defined.binary_search(&hash).is_ok()
                && let Some(place) = self.archive(source)?.find(symbol)
            {
                return Ok(Some((source, place)));
            }
        }
        Ok(None)
    }

    /// Statics of other sources that the constructors of `from` may write to. States do not count:
    /// their values outlive objects.
    pub fn reached(&self, from: usize) -> Result<BTreeSet<Reached>, LinkError> {
        let mut found = BTreeSet::new();
        let roots = self.archive(from)?.constructors();
        let mut next: VecDeque<_> = roots.into_iter().map(|place| (from, place)).collect();
        let mut seen: HashSet<_> = next.iter().copied().collect();
        while let Some((source, place)) = next.pop_front() {
            let archive = self.archive(source)?;
            let rlib = self.sources[source].rlib;
            let kind = archive.kind(place);
            let references = archive.references(place).map_err(LinkError::object(rlib))?;
            let calls = matches!(kind, Kind::Code | Kind::Constructors)
                || archive.is_vtable(place, &references);
            let mut is_state = false;
            for reference in references {
                let target = match reference.target {
                    Target::Section(place) => Some((source, place)),
                    Target::Symbol(symbol) => self.find(source, symbol)?,
                };
                let Some((to, target)) = target else {
                    continue;
                };
                let archive = self.archive(to)?;
                is_state |= is_initial(archive, target);
                let follows = match archive.kind(target) {
                    Kind::Code => calls,
                    Kind::Writable | Kind::Constant => true,
                    Kind::Constructors | Kind::Other => false,
                };
                if follows && seen.insert((to, target)) {
                    next.push_back((to, target));
                }
            }
            is_state |= is_initial(archive, place);
            if kind == Kind::Writable && source != from && !is_state {
                let symbols = archive.variables(place).into_iter();
                found.extend(symbols.map(|symbol| Reached {
                    source,
                    symbol: String::from_utf8_lossy(symbol).into_owned(),
                }));
            }
        }
        Ok(found)
    }
}

/// Whether a section holds a state's initial value or descriptor.
fn is_initial(archive: &Archive<'_>, place: Place) -> bool {
    let mut variables = archive.variables(place).into_iter();
    variables.any(|name| name.starts_with(b"kt:init:") || name.starts_with(b"kt:state:"))
}
