//! The facts of one source file, independent of other files.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use serde::{Deserialize, Serialize};
use syn::visit::{self, Visit};
use syn::{Attribute, File, ImplItem, Item, TraitItem, UseTree};

use super::FileDefinitions;
use super::functions::{FunctionFacts, leave_out};
use crate::layout::syntax::{
    Digest, TokenVisitor, is_expression_macro, is_for_tests, is_harmless_attribute,
    is_trusted_crate,
};

/// The facts of one file. They depend only on its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Hash of the tokens that always count.
    pub kept: String,
    /// Functions that count only under conditions, in order.
    pub functions: Vec<FunctionFacts>,
    /// Names in constant expressions, macro arguments and attributes of the tokens that always
    /// count.
    pub mentioned: BTreeSet<String>,
    /// Names of well-known macros that may refer to another macro in this file.
    pub suspect_macros: BTreeSet<String>,
    /// A constant has the text of a Rust source, or of a file whose name is not a literal.
    pub reads_sources: bool,
    /// Its definitions, to compare with those of another generation.
    pub definitions: FileDefinitions,
}

impl FileFacts {
    /// Reads a file. One that is not Rust, or that cannot be parsed, counts byte for byte.
    pub fn of(bytes: &[u8], is_rust: bool) -> Self {
        let text = std::str::from_utf8(bytes).ok().filter(|_| is_rust);
        let parsed = text.and_then(|text| syn::parse_file(text).ok());
        // With the feature `span-locations`, every parsed file would stay in a thread-local table.
        let facts = parsed.and_then(|file| Self::of_file(file, bytes));
        proc_macro2::extra::invalidate_current_thread_spans();
        facts.unwrap_or_else(|| Self::of_raw(bytes))
    }

    fn of_raw(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let names = text.split(|character: char| !character.is_alphanumeric() && character != '_');
        Self {
            kept: Digest::new("raw").add_bytes(bytes).finish(),
            functions: Vec::new(),
            mentioned: names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            suspect_macros: BTreeSet::new(),
            reads_sources: text.contains("include_str") || text.contains("include_bytes"),
            definitions: FileDefinitions::raw(),
        }
    }

    /// `None` if the file must count byte for byte.
    fn of_file(mut file: File, bytes: &[u8]) -> Option<Self> {
        let definitions = FileDefinitions::of(&file);
        let mut pruned = Pruner::default();
        pruned.items(&mut file.items);
        let mut kept = KeptVisitor::default();
        kept.visit_file(&file);
        pruned
            .imports
            .iter()
            .for_each(|import| kept.visit_item_use(import));
        if kept.has_verbatim {
            return None;
        }
        let mut tokens = TokenVisitor::default();
        let mut digest = Digest::new("tokens");
        tokens.visit(file.into_token_stream(), &mut digest);
        if tokens.asks_position {
            digest.add_bytes(bytes);
        }
        kept.suspect_macros.extend(tokens.macros_defined);
        Some(Self {
            kept: digest.finish(),
            functions: pruned.functions,
            mentioned: kept.mentioned,
            suspect_macros: kept.suspect_macros,
            reads_sources: tokens.reads_sources,
            definitions,
        })
    }
}

/// Removes the functions that can be left out of a file.
#[derive(Default)]
struct Pruner {
    functions: Vec<FunctionFacts>,
    /// Imports in bodies that were left out: they may give a macro's name to another macro.
    imports: Vec<syn::ItemUse>,
}

impl Pruner {
    fn items(&mut self, items: &mut Vec<Item>) {
        items.retain_mut(|item| self.keeps_item(item));
    }

    fn keeps_item(&mut self, item: &mut Item) -> bool {
        let attributes: &[Attribute] = match item {
            Item::Fn(it) => &it.attrs,
            Item::Impl(it) => &it.attrs,
            Item::Mod(it) => &it.attrs,
            Item::Trait(it) => &it.attrs,
            _ => return true,
        };
        if attributes.iter().any(is_for_tests) {
            return false;
        }
        // An attribute macro could expand its contents to anything.
        if !attributes.iter().all(is_harmless_attribute) {
            return true;
        }
        match item {
            Item::Fn(function) => {
                return self.keeps(leave_out(&function.attrs, &function.sig, &function.block));
            }
            Item::Impl(block) => {
                let before = block.items.len();
                block.items.retain(|item| match item {
                    ImplItem::Fn(method) => {
                        self.keeps(leave_out(&method.attrs, &method.sig, &method.block))
                    }
                    _ => true,
                });
                // An inherent `impl` without methods does not matter; an `impl` of a trait does.
                return block.trait_.is_some() || !block.items.is_empty() || before == 0;
            }
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    self.items(items);
                }
            }
            // The signatures of a trait's methods define its vtable: they always count.
            Item::Trait(definition) => {
                for item in &mut definition.items {
                    let TraitItem::Fn(method) = item else {
                        continue;
                    };
                    let Some(body) = &mut method.default else {
                        continue;
                    };
                    if !self.keeps(leave_out(&method.attrs, &method.sig, body)) {
                        body.stmts.clear();
                    }
                }
            }
            _ => {}
        }
        true
    }

    fn keeps(&mut self, left_out: Option<(FunctionFacts, Vec<syn::ItemUse>)>) -> bool {
        let Some((facts, imports)) = left_out else {
            return true;
        };
        self.functions.push(facts);
        self.imports.extend(imports);
        false
    }
}

/// Visits the tokens that always count.
#[derive(Default)]
struct KeptVisitor {
    mentioned: BTreeSet<String>,
    suspect_macros: BTreeSet<String>,
    /// Syntax that syn does not parse further.
    has_verbatim: bool,
}

impl KeptVisitor {
    fn mention_all(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.mention_all(group.stream()),
                TokenTree::Ident(name) => {
                    self.mentioned.insert(name.to_string());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn import(&mut self, tree: &UseTree, from: Option<String>) {
        let is_trusted = from.as_deref().is_some_and(is_trusted_crate);
        match tree {
            UseTree::Path(path) => {
                let from = from.unwrap_or_else(|| path.ident.to_string());
                self.import(&path.tree, Some(from));
            }
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.import(tree, from.clone())),
            UseTree::Name(name) if !is_trusted => self.suspect(name.ident.to_string()),
            UseTree::Rename(rename) => {
                self.suspect(rename.rename.to_string());
                // A constant may mention it under its other name.
                self.mentioned.insert(rename.ident.to_string());
            }
            UseTree::Name(_) | UseTree::Glob(_) => {}
        }
    }

    fn suspect(&mut self, name: String) {
        if is_expression_macro(&name) {
            self.suspect_macros.insert(name);
        }
    }
}

impl<'ast> Visit<'ast> for KeptVisitor {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.mentioned.extend(
            path.path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string()),
        );
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.mentioned.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    // `Foo<N>` is a type until the compiler knows that `N` is a constant.
    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        if let syn::GenericArgument::Type(syn::Type::Path(path)) = argument {
            self.mentioned.extend(
                path.path
                    .segments
                    .iter()
                    .map(|segment| segment.ident.to_string()),
            );
        }
        visit::visit_generic_argument(self, argument);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        self.mention_all(found.tokens.clone());
        visit::visit_macro(self, found);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) if !list.path.is_ident("doc") => {
                self.mention_all(list.tokens.clone())
            }
            _ => {}
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        self.import(&import.tree, None);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        self.has_verbatim |= matches!(item, Item::Verbatim(_));
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        self.has_verbatim |= matches!(item, ImplItem::Verbatim(_));
        visit::visit_impl_item(self, item);
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        self.has_verbatim |= matches!(item, TraitItem::Verbatim(_));
        visit::visit_trait_item(self, item);
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        self.has_verbatim |= matches!(expression, syn::Expr::Verbatim(_));
        visit::visit_expr(self, expression);
    }

    fn visit_type(&mut self, of: &'ast syn::Type) {
        self.has_verbatim |= matches!(of, syn::Type::Verbatim(_));
        visit::visit_type(self, of);
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        self.has_verbatim |= matches!(pattern, syn::Pat::Verbatim(_));
        visit::visit_pat(self, pattern);
    }
}
