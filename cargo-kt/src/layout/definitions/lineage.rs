//! A *lineage*: generations of which no two give one definition two meanings.
//!
//! A worker compares fingerprints for equality, and "nothing that both have differs" is no equality: it is not
//! transitive. A lineage makes it one. It remembers every definition that one of its generations had, and takes in
//! another generation only if that agrees with all of them. Its id is part of the fingerprint, so equal fingerprints mean
//! that no definition had two meanings from the generation that made a value to the one that looks at it.
//!
//! An id is random: two machines, or one that lost its files, cannot continue one lineage in two ways.

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

/// How many are remembered for one program, to find back to one after an edit that was undone.
const KEPT: usize = 6;

/// Increase when definitions are collected otherwise.
const FORMAT: u32 = 2;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lineage {
    format: u32,
    pub id: String,
    pub definitions: Definitions,
}

/// The id of the lineage in `directory` that the generation with these definitions continues, of a new one if it
/// continues none.
pub fn of(directory: &Utf8Path, collected: &Collected<'_>) -> String {
    let known = continued(directory, collected);
    let is_known = known.is_some();
    let id = known.unwrap_or_else(new_id);
    // What was not written down must not be continued.
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

    /// The first thing that has two meanings.
    pub fn difference(&self, new: &Self) -> Option<String> {
        self.definitions.difference(&new.definitions)
    }
}

/// The lineage of that id.
pub fn read(directory: &Utf8Path, id: &str) -> Option<Lineage> {
    let bytes = std::fs::read(path_of(directory, id)).ok()?;
    let lineage: Lineage = serde_json::from_slice(&bytes).ok()?;
    (lineage.format == FORMAT && lineage.id == id).then_some(lineage)
}

/// The newest lineage that agrees with the definitions. Nothing is written down.
pub fn continued(directory: &Utf8Path, collected: &Collected<'_>) -> Option<String> {
    let taken_in = TakenIn::of(directory, collected);
    if let Some(id) = taken_in.id() {
        return Some(id);
    }
    let definitions = collected.definitions();
    let known = newest_first(directory).ok()?;
    let ids = known.iter().filter_map(|path| path.file_stem());
    let mut lineages = ids.filter_map(|id| read(directory, id));
    let agrees = |it: &Lineage| it.definitions.conflicts(definitions).next().is_none();
    lineages.find(agrees).map(|it| it.id)
}

/// Takes the definitions into the lineage of that id, or makes it if it is not a known one. It is then the newest.
///
/// # Errors
/// Those of the file system, and one if another process changed or removed it meanwhile.
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
    let taken_in = TakenIn::of(directory, collected);
    if taken_in.id().as_deref() == Some(id) {
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
        for path in known.iter().skip(KEPT - 1) {
            std::fs::remove_file(path)?;
        }
        taken_in.write(id);
        return Ok(());
    }
    // One that is gone is not made anew: what it remembered would be forgotten.
    let mut lineage = read(directory, id).ok_or(io::ErrorKind::NotFound)?;
    if lineage.definitions.conflicts(definitions).next().is_some() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match lineage.definitions.take_in(definitions) {
        true => store::try_write_json(&path, &lineage)?,
        false => make_newest(&path)?,
    }
    taken_in.write(id);
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

/// The note that a lineage has taken certain definitions in, by the digest of what they are collected of. A lineage forgets
/// nothing, so the note is true as long as the lineage is there.
struct TakenIn<'a> {
    directory: &'a Utf8Path,
    path: Utf8PathBuf,
}

impl<'a> TakenIn<'a> {
    fn of(directory: &'a Utf8Path, collected: &Collected<'_>) -> Self {
        let name = format!("{}-{FORMAT}", &collected.digest()[..32]);
        let path = directory.join("taken-in").join(name);
        Self { directory, path }
    }

    /// The id of that lineage, if it is the newest: a newer one that agrees as well would go before it.
    fn id(&self) -> Option<String> {
        let id = std::fs::read_to_string(&self.path).ok()?;
        let newest = newest_first(self.directory).ok()?.into_iter().next()?;
        (newest == path_of(self.directory, &id)).then_some(id)
    }

    /// Without it the definitions are collected again, which costs time and nothing else.
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

/// The hasher's keys are random.
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
    /// What both have and mean otherwise.
    ///
    /// One that is gone from its place, and one of its name that is new at another, were moved: they must mean the same.
    pub fn conflicts<'a>(&'a self, new: &'a Self) -> impl Iterator<Item = Conflict<'a>> {
        let of_name = |(key, old): (&'a String, &'a std::collections::BTreeMap<String, Entry>)| {
            let new = new.0.get(key)?;
            let gone: Vec<&Entry> = old
                .iter()
                .filter(|(place, _)| !new.contains_key(*place))
                .map(|(_, it)| it)
                .collect();
            let mut pairs: Vec<(&Entry, &Entry)> = Vec::new();
            for (place, entry) in new {
                match old.get(place) {
                    Some(old) => pairs.push((old, entry)),
                    None => pairs.extend(gone.iter().map(|old| (*old, entry))),
                }
            }
            Some(pairs)
        };
        let pairs = self.0.iter().filter_map(of_name).flatten();
        pairs
            .filter(|(old, new)| !old.is_same(new))
            .map(|(old, new)| Conflict { old, new })
    }

    /// Adds what is new; whether anything is.
    fn take_in(&mut self, new: &Self) -> bool {
        let mut is_more = false;
        for (key, places) in &new.0 {
            let known = self.0.entry(key.clone()).or_default();
            for (place, entry) in places {
                if !known.contains_key(place) {
                    is_more = true;
                    known.insert(place.clone(), entry.clone());
                }
            }
        }
        is_more
    }

    /// The conflict that explains most, as a person would put it.
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
    /// The lower, the more it says: a field, an item, something that an item depends on.
    fn rank(&self) -> u8 {
        match (self.old.own != self.new.own, self.part()) {
            (true, Some(_)) => 0,
            (true, None) => 1,
            (false, _) => 2,
        }
    }

    /// `others`: how many differ in the same way.
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

    /// What differs that the definition depends on, if it is the same itself.
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

/// A text that may have a path between its last backticks, with that path as a person would write it.
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

/// Tokens as they are written, as far as that is certain.
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
