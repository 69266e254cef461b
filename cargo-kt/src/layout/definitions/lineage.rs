//! A *lineage*: generations where no definition has two meanings.
//!
//! A worker compares fingerprints for equality. "No definition that both have differs" is not
//! transitive, so it cannot be expressed as equality of two hashes. A lineage makes it so: it
//! records every definition that any of its generations had, and accepts another generation only if
//! that agrees with all of them. Its id is part of the fingerprint. So equal fingerprints mean that
//! no definition changed its meaning from the generation that created a value to the one that reads
//! it.
//!
//! Ids are random, so two machines, or one that lost its files, cannot continue one lineage in two
//! ways.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    collected::Collected,
    program::{Definitions, Entry},
};
use crate::layout::store;
use crate::layout::syntax::Digest;

/// How many lineages are stored for one program, to find an earlier one again after an edit was
/// undone.
const MAX_LINEAGES: usize = 6;

/// Increase when the collected definitions or their labels change.
const FORMAT: u32 = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lineage {
    format: u32,
    pub id: String,
    pub definitions: Definitions,
}

/// The id of the lineage in `directory` that a generation with these definitions continues; a new
/// id if it continues none.
pub fn of(directory: &Utf8Path, collected: &Collected<'_>) -> String {
    let known = continued(directory, collected);
    let is_known = known.is_some();
    let id = known.unwrap_or_else(new_id);
    // A lineage that could not be stored must not be continued.
    match remember(directory, &id, is_known, collected) {
        Ok(()) => id,
        Err(_) => new_id(),
    }
}

impl Lineage {
    /// As [`of`].
    pub fn id_of(directory: &Utf8Path, collected: &Collected<'_>) -> String {
        of(directory, collected)
    }

    /// The first definition that has two meanings.
    pub fn difference(&self, new: &Self) -> Option<String> {
        self.definitions.difference(&new.definitions)
    }
}

/// The lineage with that id.
pub fn read(directory: &Utf8Path, id: &str) -> Option<Lineage> {
    let bytes = std::fs::read(path_of(directory, id)).ok()?;
    let lineage: Lineage = serde_json::from_slice(&bytes).ok()?;
    (lineage.format == FORMAT && lineage.id == id).then_some(lineage)
}

/// The newest lineage that agrees with the definitions. Writes nothing.
pub fn continued(directory: &Utf8Path, collected: &Collected<'_>) -> Option<String> {
    let marker = AddedMarker::of(directory, collected);
    if let Some(id) = marker.id() {
        return Some(id);
    }
    let definitions = collected.definitions();
    let known = newest_first(directory).ok()?;
    let ids = known.iter().filter_map(|path| path.file_stem());
    let mut lineages = ids.filter_map(|id| read(directory, id));
    let agrees = |it: &Lineage| it.definitions.conflicts(definitions).next().is_none();
    lineages.find(agrees).map(|it| it.id)
}

/// Adds the definitions to the lineage with that id, or creates it if `is_known` is false. It
/// becomes the newest.
///
/// # Errors
/// File system errors, or if another process changed or removed the lineage in the meantime.
pub fn remember(
    directory: &Utf8Path,
    id: &str,
    is_known: bool,
    collected: &Collected<'_>,
) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let lock = std::fs::File::create(directory.join("lock"))?;
    lock.lock()?;
    let path = path_of(directory, id);
    let marker = AddedMarker::of(directory, collected);
    if marker.id().as_deref() == Some(id) {
        return make_newest(&path);
    }
    let definitions = collected.definitions();
    if !is_known {
        let known = newest_first(directory)?;
        let lineage = Lineage {
            format: FORMAT,
            id: id.to_owned(),
            definitions: definitions.clone(),
        };
        store::try_write_json(&path, &lineage)?;
        for path in known.iter().skip(MAX_LINEAGES - 1) {
            std::fs::remove_file(path)?;
        }
        marker.write(id);
        return Ok(());
    }
    // A removed lineage is not created again, as its recorded definitions are lost.
    let mut lineage = read(directory, id).ok_or(io::ErrorKind::NotFound)?;
    if lineage.definitions.conflicts(definitions).next().is_some() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match lineage.definitions.add_new(definitions) {
        true => store::try_write_json(&path, &lineage)?,
        false => make_newest(&path)?,
    }
    marker.write(id);
    Ok(())
}

fn make_newest(path: &Utf8Path) -> io::Result<()> {
    std::fs::File::options()
        .append(true)
        .open(path)?
        .set_modified(std::time::SystemTime::now())
}

fn path_of(directory: &Utf8Path, id: &str) -> Utf8PathBuf {
    directory.join(format!("{id}.json"))
}

/// A file which records that a lineage has certain definitions, by the digest of their inputs. A
/// lineage never drops a definition, so the record is valid as long as the lineage exists.
struct AddedMarker<'a> {
    directory: &'a Utf8Path,
    path: Utf8PathBuf,
}

impl<'a> AddedMarker<'a> {
    fn of(directory: &'a Utf8Path, collected: &Collected<'_>) -> Self {
        let name = format!("{}-{FORMAT}", &collected.digest()[..32]);
        let path = directory.join("taken-in").join(name);
        Self { directory, path }
    }

    /// The id of that lineage if it is the newest: a newer one that also agrees has precedence.
    fn id(&self) -> Option<String> {
        let id = std::fs::read_to_string(&self.path).ok()?;
        let newest = newest_first(self.directory).ok()?.into_iter().next()?;
        (newest == path_of(self.directory, &id)).then_some(id)
    }

    /// Without the file, the definitions are collected again, which only costs time.
    fn write(&self, id: &str) {
        let Some(directory) = self.path.parent() else {
            return;
        };
        let _ = std::fs::create_dir_all(directory);
        let written = tempfile::NamedTempFile::new_in(directory).and_then(|mut file| {
            io::Write::write_all(&mut file, id.as_bytes())?;
            Ok(file.persist(&self.path)?)
        });
        if written.is_ok() {
            store::prune(directory);
        }
    }
}

fn newest_first(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        if entry.path().extension() == Some("json") {
            files.push((entry.metadata()?.modified()?, entry.into_path()));
        }
    }
    files.sort();
    Ok(files.into_iter().rev().map(|(_, path)| path).collect())
}

/// A random id: the keys of `RandomState` are random.
pub fn new_id() -> String {
    let random = || {
        RandomState::new()
            .hash_one(std::process::id())
            .to_le_bytes()
    };
    let mut digest = Digest::new("kt lineage");
    digest.add_bytes(&random()).add_bytes(&random());
    digest.finish()[..32].to_owned()
}

/// A definition that has two meanings.
#[derive(Debug)]
pub struct Conflict<'a> {
    old: &'a Entry,
    new: &'a Entry,
}

impl Definitions {
    /// The definitions that both have with different meanings.
    ///
    /// If a name disappeared from one place and appeared at another, the definition was moved: both
    /// must mean the same.
    pub fn conflicts<'a>(&'a self, new: &'a Self) -> impl Iterator<Item = Conflict<'a>> {
        let of_name = |(key, old): (&'a String, &'a std::collections::BTreeMap<String, Entry>)| {
            let new = new.0.get(key)?;
            let removed: Vec<&Entry> = old
                .iter()
                .filter(|(place, _)| !new.contains_key(*place))
                .map(|(_, it)| it)
                .collect();
            let mut pairs: Vec<(&Entry, &Entry)> = Vec::new();
            for (place, entry) in new {
                match old.get(place) {
                    Some(old) => pairs.push((old, entry)),
                    None => pairs.extend(removed.iter().map(|old| (*old, entry))),
                }
            }
            Some(pairs)
        };
        let pairs = self.0.iter().filter_map(of_name).flatten();
        pairs
            .filter(|(old, new)| !old.is_same(new))
            .map(|(old, new)| Conflict { old, new })
    }

    /// Adds new definitions. Returns whether there were any.
    fn add_new(&mut self, new: &Self) -> bool {
        let mut is_grown = false;
        for (key, places) in &new.0 {
            let known = self.0.entry(key.clone()).or_default();
            for (place, entry) in places {
                if !known.contains_key(place) {
                    is_grown = true;
                    known.insert(place.clone(), entry.clone());
                }
            }
        }
        is_grown
    }

    /// The most informative conflict, for messages.
    pub fn difference(&self, new: &Self) -> Option<String> {
        let mut all: Vec<Conflict<'_>> = self.conflicts(new).collect();
        all.sort_by_key(Conflict::rank);
        let first = all.first()?;
        let of_rank = all.iter().filter(|it| it.rank() == first.rank());
        let is_alike = |it: &&Conflict<'_>| match first.through() {
            Some(label) => it.differs_through(label),
            None => true,
        };
        let labels: BTreeSet<&str> = of_rank
            .filter(is_alike)
            .map(|it| it.old.label.as_str())
            .collect();
        Some(first.text(labels.len() - 1))
    }
}

impl Conflict<'_> {
    /// Lower is more informative: a field, an item, a dependency of an item.
    fn rank(&self) -> u8 {
        match (self.old.own != self.new.own, self.part()) {
            (true, Some(_)) => 0,
            (true, None) => 1,
            (false, _) => 2,
        }
    }

    /// `others` is how many more definitions differ in the same way.
    fn text(&self, others: usize) -> String {
        let what = &self.old.label;
        if let Some(label) = self.through() {
            let label = short_path(label);
            return match others {
                0 => format!("{what} depends on {label}, which changed"),
                1 => format!("{what} and one other definition depend on {label}, which changed"),
                _ => {
                    format!(
                        "{what} and {others} other definitions depend on {label}, which changed"
                    )
                }
            };
        }
        let part = self.part();
        let (one, several) = match part {
            Some(_) => ("definition", "definitions"),
            None => (
                "definition or build setting",
                "definitions or build settings",
            ),
        };
        let text = part.unwrap_or_else(|| format!("{} changed", short_path(what)));
        match others {
            0 => text,
            1 => format!("{text}, and one other {one}"),
            _ => format!("{text}, and {others} other {several}"),
        }
    }

    /// The dependency that differs, if the definition itself is the same.
    fn through(&self) -> Option<&str> {
        if self.old.own != self.new.own {
            return None;
        }
        let labels = self.old.through.keys().chain(self.new.through.keys());
        let mut differing = labels.filter(|label| self.differs_through(label));
        differing.next().map(String::as_str)
    }

    fn differs_through(&self, label: &str) -> bool {
        self.old.through.get(label) != self.new.through.get(label)
    }

    /// Which field, variant or method differs.
    fn part(&self) -> Option<String> {
        let owner = self.old.label.split_once(' ').map_or("", |(_, name)| name);
        let find = |parts: &[(String, String)], name: &str| {
            parts
                .iter()
                .find(|(it, _)| it == name)
                .map(|(_, text)| text.clone())
        };
        for (name, old) in &self.old.parts {
            match find(&self.new.parts, name) {
                None => return Some(format!("`{name}` of {owner} removed")),
                Some(new) if new != *old => {
                    return Some(format!(
                        "`{name}` of {owner}: `{}` → `{}`",
                        short(old),
                        short(&new)
                    ));
                }
                Some(_) => {}
            }
        }
        let added = self
            .new
            .parts
            .iter()
            .find(|(name, _)| find(&self.old.parts, name).is_none());
        added.map(|(name, _)| format!("`{name}` of {owner} added"))
    }
}

/// Normalizes the path between the last backticks of a text, if there is one.
fn short_path(label: &str) -> String {
    let Some((before, path)) = label.strip_suffix('`').and_then(|it| it.rsplit_once('`')) else {
        return label.to_owned();
    };
    if !path.contains('/') {
        return label.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." if parts.last().is_some_and(|last| !["", ".."].contains(last)) => {
                parts.pop();
            }
            "." => {}
            _ => parts.push(part),
        }
    }
    format!("{before}`{}`", parts.join("/"))
}

/// Tokens with the usual spacing, where that is unambiguous.
fn short(tokens: &str) -> String {
    let text = tokens
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" :: ", "::")
        .replace(" , ", ", ")
        .replace(" ;", ";")
        .replace("& ", "&");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
