//! Every path in a module that leads into its own crate, and the module that it ends in.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, ItemUse, Macro, Meta, UseTree, visit::Visit};

use super::tree::{Module, ModulePath, Tree};

/// A path in the code of a module.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

/// The paths that are written in a module, outside of its children.
pub(super) fn written(module: &Module) -> Vec<Written> {
    let mut found = Paths(Vec::new());
    for item in &module.items {
        found.visit_item(item);
    }
    found.0
}

struct Paths(Vec<Written>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            let line = path.segments[0].ident.span().start().line;
            self.0.push(Written {
                segments: segments.collect(),
                line,
            });
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        fn walk(tree: &UseTree, prefix: &[String], found: &mut Vec<Written>) {
            let mut push = |ident: &syn::Ident| {
                let mut segments = prefix.to_vec();
                if ident != "self" || segments.is_empty() {
                    segments.push(ident.to_string());
                }
                found.push(Written {
                    segments,
                    line: ident.span().start().line,
                });
            };
            match tree {
                UseTree::Path(path) => {
                    let mut prefix = prefix.to_vec();
                    prefix.push(path.ident.to_string());
                    walk(&path.tree, &prefix, found);
                }
                UseTree::Name(name) => push(&name.ident),
                UseTree::Rename(rename) => push(&rename.ident),
                UseTree::Glob(glob) => found.push(Written {
                    segments: prefix.to_vec(),
                    line: glob.star_token.spans[0].start().line,
                }),
                UseTree::Group(group) => {
                    group
                        .items
                        .iter()
                        .for_each(|tree| walk(tree, prefix, found));
                }
            }
        }
        walk(&item.tree, &[], &mut self.0);
    }

    /// `#[serde(with = "…")]` and the like name a path in a string.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let Meta::List(list) = &attribute.meta {
            strings(list.tokens.clone(), &mut self.0);
        }
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        tokens(item.tokens.clone(), &mut self.0);
    }
}

/// Paths in the arguments of a macro: identifiers joined by `::`.
fn tokens(stream: TokenStream, found: &mut Vec<Written>) {
    let mut current: Option<Written> = None;
    let mut colons = 0;
    for token in stream {
        match token {
            TokenTree::Ident(ident) => match &mut current {
                Some(path) if colons == 2 => path.segments.push(ident.to_string()),
                _ => {
                    found.extend(current.replace(Written {
                        segments: vec![ident.to_string()],
                        line: ident.span().start().line,
                    }));
                }
            },
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Group(group) => {
                found.extend(current.take());
                tokens(group.stream(), found);
            }
            _ => found.extend(current.take()),
        }
        colons = 0;
    }
    found.extend(current);
}

/// The strings that are paths of several segments.
fn strings(stream: TokenStream, found: &mut Vec<Written>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                let text = syn::parse2::<syn::LitStr>(TokenTree::from(literal).into());
                let path = text.ok().and_then(|text| text.parse::<syn::Path>().ok());
                if let Some(path) = path.filter(|path| path.segments.len() > 1) {
                    let segments = path
                        .segments
                        .iter()
                        .map(|segment| segment.ident.to_string());
                    found.push(Written {
                        segments: segments.collect(),
                        line,
                    });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The module that defines what a path in the module `from` names, if it is one of this crate.
pub(super) fn resolve(tree: &Tree, from: &ModulePath, segments: &[String]) -> Option<ModulePath> {
    follow(tree, from, segments, 0)
}

fn follow(tree: &Tree, from: &ModulePath, segments: &[String], depth: usize) -> Option<ModulePath> {
    // A `use` that leads to itself through a glob.
    if depth > 16 {
        return None;
    }
    let mut at = from.clone();
    let mut rest = segments;
    let mut anchored = false;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop();
            }
            _ => break,
        }
        anchored = true;
        rest = others;
    }
    for (position, segment) in rest.iter().enumerate() {
        let module = tree.modules.get(&at)?;
        if module.children.contains(segment) {
            at.push(segment.clone());
            continue;
        }
        let rest = &rest[position + 1..];
        if let Some(import) = module.imports.get(segment) {
            // `use serde::Serialize` names no module of this crate.
            let mut whole = import.clone();
            whole.extend(rest.iter().cloned());
            if *segments == whole[..] && at == *from {
                return None;
            }
            return follow(tree, &at, &whole, depth + 1);
        }
        let through = module.globs.iter().find_map(|glob| {
            let mut whole = glob.clone();
            whole.push(segment.clone());
            whole.extend(rest.iter().cloned());
            let found = follow(tree, &at, &whole, depth + 1)?;
            defines(tree, &found, segment).then_some(found)
        });
        if through.is_some() {
            return through;
        }
        // An item of this module. Any other name without an anchor is not of this crate.
        return (anchored || position > 0 || defines(tree, &at, segment)).then_some(at);
    }
    Some(at)
}

/// Whether a module has an item of this name.
fn defines(tree: &Tree, path: &ModulePath, name: &str) -> bool {
    use syn::Item;
    tree.modules.get(path).is_some_and(|module| {
        module.items.iter().any(|item| match item {
            Item::Const(item) => item.ident == name,
            Item::Enum(item) => item.ident == name,
            Item::Fn(item) => item.sig.ident == name,
            Item::Macro(item) => item.ident.as_ref().is_some_and(|ident| ident == name),
            Item::Static(item) => item.ident == name,
            Item::Struct(item) => item.ident == name,
            Item::Trait(item) => item.ident == name,
            Item::Type(item) => item.ident == name,
            _ => false,
        })
    })
}
