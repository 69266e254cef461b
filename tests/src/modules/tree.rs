//! The modules of a crate, with the files that hold them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, ItemUse, UseTree};

/// The path of a module below the crate's root, which is empty for the root.
pub(super) type ModulePath = Vec<String>;

/// A module, as far as paths through it need it.
pub(super) struct Module {
    pub(super) file: PathBuf,
    pub(super) children: Vec<String>,
    /// What a `use` brings in, by its name here: the path as written.
    pub(super) imports: BTreeMap<String, Vec<String>>,
    /// The paths whose items are all brought in.
    pub(super) globs: Vec<Vec<String>>,
    /// Everything in it but modules and tests.
    pub(super) items: Vec<Item>,
}

/// All modules of a crate but those of tests.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) modules: BTreeMap<ModulePath, Module>,
}

impl Tree {
    /// Reads the crate whose root is the file `root`.
    pub(super) fn of(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.read(
            Vec::new(),
            root,
            root.parent().expect("a crate's root has a folder"),
        );
        tree
    }

    /// Reads the file of a module. The files of its children are in `folder`.
    fn read(&mut self, path: ModulePath, file: &Path, folder: &Path) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.add(path, parsed.items, file, folder);
    }

    fn add(&mut self, path: ModulePath, items: Vec<Item>, file: &Path, folder: &Path) {
        let mut module = Module {
            file: file.to_owned(),
            children: Vec::new(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            items: Vec::new(),
        };
        for item in items {
            if attributes(&item).iter().any(is_of_tests) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let mut child_path = path.clone();
                    child_path.push(name.clone());
                    let child_folder = folder.join(&name);
                    match child.content {
                        Some((_, items)) => self.add(child_path, items, file, &child_folder),
                        None => {
                            let named = child.attrs.iter().find_map(file_attribute);
                            let beside = named.map(|named| file.with_file_name(named));
                            let candidates = [
                                beside.unwrap_or_else(|| folder.join(format!("{name}.rs"))),
                                child_folder.join("mod.rs"),
                            ];
                            let found = candidates.iter().find(|candidate| candidate.exists());
                            let found = found.unwrap_or_else(|| {
                                panic!("{}: no file for `mod {name}`", file.display())
                            });
                            self.read(child_path, found, &child_folder);
                        }
                    }
                    module.children.push(name);
                }
                Item::Use(item) => {
                    flatten(&item, &mut module);
                    module.items.push(Item::Use(item));
                }
                other => module.items.push(other),
            }
        }
        self.modules.insert(path, module);
    }
}

fn flatten(item: &ItemUse, module: &mut Module) {
    fn walk(tree: &UseTree, prefix: &[String], module: &mut Module) {
        let with = |name: &syn::Ident| {
            let mut path = prefix.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), module),
            UseTree::Name(name) => {
                let path = with(&name.ident);
                if let Some(last) = path.last() {
                    module.imports.insert(last.clone(), path);
                }
            }
            UseTree::Rename(rename) => {
                module
                    .imports
                    .insert(rename.rename.to_string(), with(&rename.ident));
            }
            UseTree::Glob(_) => module.globs.push(prefix.to_vec()),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| walk(tree, prefix, module)),
        }
    }
    walk(&item.tree, &[], module);
}

/// Whether an item is compiled for tests alone: `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`.
fn is_of_tests(attribute: &Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let Ok(list) = attribute.meta.require_list() else {
        return false;
    };
    let condition = list.tokens.to_string();
    list.path.is_ident("cfg") && (condition == "test" || condition.starts_with("all (test"))
}

/// The file that `#[path = "…"]` names.
fn file_attribute(attribute: &Attribute) -> Option<String> {
    let named = attribute.meta.require_name_value().ok()?;
    let syn::Expr::Lit(literal) = &named.value else {
        return None;
    };
    match &literal.lit {
        syn::Lit::Str(text) if attribute.path().is_ident("path") => Some(text.value()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
