//! The definitions of all hot crates of a program: each type, trait and so on, with everything that
//! its meaning depends on.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::facts::{Definition, FUNCTION, FileDefinitions, Import, Kind};
use super::mentions::Mention;
use crate::layout::syntax::Digest;

/// A source file of a hot crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Index of its crate in [`Crate`]s.
    pub hot: usize,
    pub path: Utf8PathBuf,
    /// Hash of the whole file.
    pub content: String,
    pub definitions: FileDefinitions,
}

/// A hot crate.
#[derive(Debug, Clone)]
pub struct Crate {
    pub package: String,
    pub name: String,
    /// Compiler settings (flags, variables, macros) by their labels in messages.
    pub settings: Vec<(String, String)>,
    /// Names of the crates passed with `--extern`.
    pub externs: Vec<String>,
    /// Paths in `use` start at the crate root (edition 2015).
    pub is_of_2015: bool,
}

/// All definitions of a program, by crate, kind and name, and then by their place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions(pub BTreeMap<String, BTreeMap<String, Entry>>);

/// One definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in messages: `` type `Rec` ``.
    pub label: String,
    /// Hash of its own tokens.
    pub own: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<(String, String)>,
    /// What its names refer to, by label: constants, imports and so on with their hash, and the
    /// places of the types that it names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub through: BTreeMap<String, String>,
}

impl Entry {
    /// Whether both mean the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.own == other.own && self.through == other.through
    }

    fn setting(label: String, hash: String) -> Self {
        Self {
            label,
            own: hash,
            parts: Vec::new(),
            through: BTreeMap::new(),
        }
    }
}

/// For each crate, whether it passes tokens to unknown macros that may define types. Known
/// attributes and macros defined in hot crates do not count. An unknown macro may read a file or a
/// database without reporting it to rustc.
pub fn expands_unknown(crates: &[Crate], files: &[SourceFacts]) -> Vec<bool> {
    let program = Program::new(crates, files);
    let defined = |name: &String| {
        let items = program.items.get(name.as_str());
        items
            .into_iter()
            .flatten()
            .any(|(_, item)| item.kind == Kind::Macro)
    };
    let is_unknown = |item: &Definition| {
        item.kind == Kind::Expanded
            && !item
                .macros
                .iter()
                .any(|name| defined(name) || is_known(name))
    };
    let has_unknown = |hot: usize| {
        let mut of_crate = files.iter().filter(|file| file.hot == hot);
        of_crate.any(|file| file.definitions.items.iter().any(is_unknown))
    };
    (0..crates.len()).map(has_unknown).collect()
}

/// Whether the sources of the hot crates have no `unsafe` code.
pub fn is_safe(files: &[SourceFacts]) -> bool {
    let may_be_unsafe = |file: &SourceFacts| {
        file.definitions.has_unsafe || file.definitions.is_raw && may_be_code(file, files)
    };
    !files.iter().any(may_be_unsafe)
}

/// Whether rustc may compile a file as Rust: one with another extension only if an `include!` reads
/// it.
fn may_be_code(file: &SourceFacts, files: &[SourceFacts]) -> bool {
    let path = file.path.as_str();
    let mut of_crate = files.iter().filter(|it| it.hot == file.hot);
    file.path.extension() == Some("rs") || of_crate.any(|it| it.definitions.may_include(path))
}

/// Macros of libstd and of well-known crates, which read no files.
fn is_known(name: &str) -> bool {
    crate::layout::syntax::is_expression_macro(name)
        || ["bitflags", "lazy_static", "thread_local"].contains(&name)
}

impl Definitions {
    /// Collects the definitions.
    pub fn of(crates: &[Crate], files: &[SourceFacts]) -> Self {
        let program = Program::new(crates, files);
        let mut all = Self::default();
        for (file, source) in files.iter().enumerate() {
            let krate = &crates[source.hot];
            let crate_key = format!("{} {}", krate.package, krate.name);
            // Other files than Rust count only where a macro reads them.
            if source.definitions.is_raw && may_be_code(source, files) {
                let label = format!("`{}`", source.path);
                let entry = Entry::setting(label, source.content.clone());
                all.add(
                    format!("{crate_key} file {}", source.path),
                    String::new(),
                    entry,
                );
            }
            for item in &source.definitions.items {
                if !item.kind.is_compared() || program.is_harmless_call(item) {
                    continue;
                }
                let mut place = place_of(source, &item.scope);
                if item.kind == Kind::Expanded && !item.macros.is_empty() {
                    // Macro calls have no names. If one disappears and another appears, that is not
                    // an edit.
                    place = format!("{place} {}", item.hash);
                }
                let entry = Entry {
                    label: label_of(item),
                    own: item.hash.clone(),
                    parts: item.parts.clone(),
                    through: program.through(file, item),
                };
                all.add(
                    format!("{crate_key} {} {}", item.kind.label(), item.name),
                    place,
                    entry,
                );
            }
        }
        for krate in crates {
            for (what, value) in &krate.settings {
                let entry = Entry::setting(format!("{what} of `{}`", krate.name), value.clone());
                all.add(
                    format!("{} {} {what}", krate.package, krate.name),
                    String::new(),
                    entry,
                );
            }
        }
        all
    }

    /// Two definitions at one place belong to the two sides of a `cfg`.
    fn add(&mut self, key: String, place: String, entry: Entry) {
        match self.0.entry(key).or_default().entry(place) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let both = occupied.get_mut();
                both.own = Digest::new("both").add(&both.own).add(&entry.own).finish();
                both.parts.extend(entry.parts);
                both.through.extend(entry.through);
            }
        }
    }
}

fn place_of(source: &SourceFacts, scope: &[String]) -> String {
    format!("{}:{}", source.path, scope.join("::"))
}

fn label_of(item: &Definition) -> String {
    format!("{} `{}`", item.kind.label(), item.name)
}

/// An index of names.
struct Program<'a> {
    crates: &'a [Crate],
    files: &'a [SourceFacts],
    items: HashMap<&'a str, Vec<(usize, &'a Definition)>>,
    imports: HashMap<&'a str, Vec<(usize, &'a Import)>>,
    /// Imports whose paths certainly start in a hot crate.
    of_program: HashSet<*const Import>,
    /// Digests of the globs of other crates, by file and the globs in scope.
    glob_digests: RefCell<HashMap<(usize, Vec<*const Import>), String>>,
    hot_names: HashSet<&'a str>,
    /// Macros of the program that define no named items.
    harmless: HashSet<&'a str>,
}

struct Open<'a> {
    file: usize,
    scope: &'a [String],
    mention: Mention,
    /// It is the path of a `use`. rustc rejects one whose first name is both a crate and imported
    /// by a glob.
    is_import: bool,
}

/// The dependencies of one definition.
#[derive(Default)]
struct Through<'a> {
    found: BTreeMap<String, String>,
    seen: HashSet<(usize, *const ())>,
    /// Mentions to resolve, with their file and scope.
    open: Vec<Open<'a>>,
}

impl<'a> Program<'a> {
    fn new(crates: &'a [Crate], files: &'a [SourceFacts]) -> Self {
        let mut program = Self {
            crates,
            files,
            items: HashMap::new(),
            imports: HashMap::new(),
            of_program: HashSet::new(),
            glob_digests: RefCell::default(),
            hot_names: crates.iter().map(|it| it.name.as_str()).collect(),
            harmless: HashSet::new(),
        };
        for (number, file) in files.iter().enumerate() {
            for item in &file.definitions.items {
                program
                    .items
                    .entry(&item.name)
                    .or_default()
                    .push((number, item));
            }
            for import in &file.definitions.imports {
                program
                    .imports
                    .entry(&import.name)
                    .or_default()
                    .push((number, import));
            }
        }
        program.harmless = program.harmless_macros();
        let imports = program.imports.values().flatten();
        program.of_program = imports
            .filter(|(file, import)| program.begins_in_program(*file, import))
            .map(|(_, import)| std::ptr::from_ref(*import))
            .collect();
        program
    }

    /// A macro is harmless if none of its rules has a named item or calls a macro that is not
    /// harmless.
    fn harmless_macros(&self) -> HashSet<&'a str> {
        let mut macros: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
        let all = self.files.iter().flat_map(|file| &file.definitions.items);
        for item in all.filter(|item| item.kind == Kind::Macro) {
            macros.entry(&item.name).or_default().push(item);
        }
        let mut harmless: HashSet<&str> = macros
            .keys()
            .copied()
            .filter(|name| !self.imports.contains_key(name))
            .collect();
        loop {
            let is_bad = |name: &&&str| {
                macros[**name].iter().any(|item| {
                    let calls_bad = |called: &String| {
                        !harmless.contains(called.as_str())
                            && !crate::layout::syntax::is_expression_macro(called)
                    };
                    item.makes_items || item.macros.iter().any(calls_bad)
                })
            };
            let bad: Vec<&str> = harmless.iter().filter(is_bad).copied().collect();
            if bad.is_empty() {
                return harmless;
            }
            for name in bad {
                harmless.remove(name);
            }
        }
    }

    fn is_harmless_call(&self, item: &Definition) -> bool {
        item.kind == Kind::Expanded
            && !item.makes_items
            && item
                .macros
                .iter()
                .all(|name| self.harmless.contains(name.as_str()))
    }

    fn through(&self, file: usize, item: &'a Definition) -> BTreeMap<String, String> {
        let mut through = Through::default();
        // Its tokens contain its own name.
        through.seen.insert((file, std::ptr::from_ref(item).cast()));
        self.open(&mut through, file, item);
        while let Some(open) = through.open.pop() {
            self.resolve(&mut through, &open);
        }
        through.found
    }

    /// Queues the names that an item mentions, and adds its dependencies beyond its tokens.
    fn open(&self, through: &mut Through<'a>, file: usize, item: &'a Definition) {
        through
            .open
            .extend(item.mentions.iter().map(|mention| Open {
                file,
                scope: &item.scope,
                mention: mention.clone(),
                is_import: false,
            }));
        if item.asks_beyond {
            let hot = self.files[file].hot;
            let includes = self
                .is_include(item)
                .then_some(&self.files[file].definitions);
            let may_read = |source: &&SourceFacts| {
                includes.is_none_or(|it| it.may_include(source.path.as_str()))
            };
            let of_crate = self.files.iter().filter(|it| it.hot == hot);
            for source in of_crate.filter(may_read) {
                through.found.insert(
                    format!("the content of `{}`", source.path),
                    source.content.clone(),
                );
            }
        }
    }

    /// Whether it is a call of the standard library's `include!`, which reads one file.
    fn is_include(&self, item: &Definition) -> bool {
        let is_macro = |(_, it): &(usize, &Definition)| it.kind == Kind::Macro;
        let defined = self.items.get("include");
        item.kind == Kind::Expanded
            && item.macros == ["include"]
            && !defined.is_some_and(|all| all.iter().any(is_macro))
            && !self.imports.contains_key("include")
    }

    fn resolve(&self, through: &mut Through<'a>, open: &Open<'a>) {
        let Open {
            file,
            scope,
            ref mention,
            is_import,
        } = *open;
        const FROM_ROOT: [&str; 5] = ["crate", "self", "super", "Self", "$crate"];
        let Some((first, rest)) = mention.path.split_first() else {
            return;
        };
        let is_rooted = FROM_ROOT.contains(&first.as_str());
        let mut continues =
            is_rooted || mention.anywhere || self.hot_names.contains(first.as_str());
        if mention.anywhere || self.crates[self.files[file].hot].is_of_2015 {
            continues = true;
            self.anywhere(through, first);
        }
        if !is_rooted {
            let found = self.nearby(through, file, scope, first);
            let krate = &self.crates[self.files[file].hot];
            let is_crate =
                ["std", "core", "alloc"].contains(&first.as_str()) || krate.externs.contains(first);
            let globs = match is_import && is_crate {
                true => Vec::new(),
                false => self.globs(file, scope),
            };
            continues |=
                found || !globs.is_empty() || self.files[file].definitions.has_other_files();
            let unclear = !globs.is_empty() || self.files[file].definitions.has_other_files();
            // A name that is not defined in this file may come from a glob.
            if !found && unclear && !self.anywhere(through, first) {
                self.add_globs(through, file, &globs, first);
            }
        }
        if continues {
            for name in rest
                .iter()
                .filter(|name| !FROM_ROOT.contains(&name.as_str()))
            {
                self.anywhere(through, name);
            }
        }
    }

    /// Searches the enclosing scopes.
    fn nearby(&self, through: &mut Through<'a>, file: usize, scope: &[String], name: &str) -> bool {
        let mut is_found = false;
        for (at, item) in self.items.get(name).into_iter().flatten() {
            if *at == file && scope.starts_with(&item.scope) {
                is_found = true;
                self.add_item(through, *at, item);
            }
        }
        for (at, import) in self.imports.get(name).into_iter().flatten() {
            if *at == file && scope.starts_with(&import.scope) {
                is_found = true;
                self.add_import(through, *at, import);
            }
        }
        is_found
    }

    /// Searches all hot crates: a path may lead there through any modules.
    fn anywhere(&self, through: &mut Through<'a>, name: &str) -> bool {
        let mut is_found = false;
        for (at, item) in self.items.get(name).into_iter().flatten() {
            is_found = true;
            self.add_item(through, *at, item);
        }
        for (at, import) in self.imports.get(name).into_iter().flatten() {
            let in_function = import.scope.iter().any(|it| it.starts_with(FUNCTION));
            if in_function {
                continue;
            }
            is_found = true;
            // An import of a hot crate's item under its own name leads to what was found already.
            if !self.is_of_program(import) || import.path.last().map(String::as_str) != Some(name) {
                self.add_import(through, *at, import);
            }
        }
        is_found
    }

    fn is_of_program(&self, import: &Import) -> bool {
        self.of_program.contains(&std::ptr::from_ref(import))
    }

    /// Whether a path certainly starts in a hot crate.
    fn begins_in_program(&self, file: usize, import: &Import) -> bool {
        let Some(first) = import.path.first() else {
            return false;
        };
        let is_module = |(at, item): &(usize, &Definition)| {
            *at == file && item.kind == Kind::Module && import.scope.starts_with(&item.scope)
        };
        ["crate", "self", "super"].contains(&first.as_str())
            || self.hot_names.contains(first.as_str())
            || self
                .items
                .get(first.as_str())
                .into_iter()
                .flatten()
                .any(is_module)
    }

    fn globs(&self, file: usize, scope: &[String]) -> Vec<&'a Import> {
        let all = self.files[file].definitions.imports.iter();
        all.filter(|it| it.name == "*" && scope.starts_with(&it.scope))
            .collect()
    }

    /// Adds the globs of other crates that may import a name: those in scope, and those that globs
    /// in scope lead to.
    fn add_globs(&self, through: &mut Through<'a>, file: usize, around: &[&'a Import], name: &str) {
        let place = (
            file,
            around.iter().map(|it| std::ptr::from_ref(*it)).collect(),
        );
        let digest = self.glob_digests.borrow().get(&place).cloned();
        let digest = digest.unwrap_or_else(|| {
            let digest = self.glob_digest(file, around);
            let mut digests = self.glob_digests.borrow_mut();
            digests.insert(place, digest.clone());
            digest
        });
        through
            .found
            .insert(format!("the `use …::*` that may import `{name}`"), digest);
    }

    fn glob_digest(&self, file: usize, around: &[&'a Import]) -> String {
        let of_program = |import: &&&Import| self.is_of_program(import);
        let reaches_all = around.iter().any(|it| of_program(&it))
            || self.files[file].definitions.has_other_files();
        let mut globs: BTreeSet<String> = BTreeSet::new();
        let mut add = |at: usize, import: &Import| {
            if !self.is_of_program(import) {
                globs.insert(format!(
                    "{} at {}",
                    import.path.join("::"),
                    place_of(&self.files[at], &import.scope)
                ));
            }
        };
        around.iter().for_each(|import| add(file, import));
        if reaches_all {
            for (at, import) in self.imports.get("*").into_iter().flatten() {
                if !import.scope.iter().any(|it| it.starts_with(FUNCTION)) {
                    add(*at, import);
                }
            }
        }
        let mut digest = Digest::new("globs");
        for glob in &globs {
            digest.add(glob);
        }
        digest.finish()
    }

    fn add_item(&self, through: &mut Through<'a>, file: usize, item: &'a Definition) {
        if !through.seen.insert((file, std::ptr::from_ref(item).cast())) {
            return;
        }
        let place = place_of(&self.files[file], &item.scope);
        let label = format!("{} at {place}", label_of(item));
        // The input of a macro does not define the macro's name.
        if item.kind == Kind::Expanded && !item.macros.is_empty() {
            return;
        }
        if item.kind.is_compared() || item.kind == Kind::Module {
            // The definition itself is compared separately. Only the fact that the name leads to it
            // is recorded.
            through.found.insert(label, "here".to_owned());
            return;
        }
        // For the two sides of a `cfg`, both count.
        let known = through.found.entry(label).or_default();
        *known += &item.hash;
        self.open(through, file, item);
    }

    fn add_import(&self, through: &mut Through<'a>, file: usize, import: &'a Import) {
        if !through
            .seen
            .insert((file, std::ptr::from_ref(import).cast()))
        {
            return;
        }
        let path = import.path.join("::");
        let label = format!(
            "`use` of `{}` at {}",
            import.name,
            place_of(&self.files[file], &import.scope)
        );
        let known = through.found.entry(label).or_default();
        *known += &path;
        let mention = Mention {
            path: import.path.clone(),
            anywhere: false,
        };
        through.open.push(Open {
            file,
            scope: &import.scope,
            mention,
            is_import: true,
        });
    }
}
