//! The definitions in one source file, independent of other files.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use serde::{Deserialize, Serialize};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ReturnType, TraitItem, UseTree};

use super::mentions::{
    Mention, asks_beyond, has_unsafe, macros_called, may_hold_items, mentions, plain, relevant,
};
use crate::layout::syntax::{
    expression_macro, hash_tokens, is_for_tests, is_harmless_attribute, path_text,
};

/// The definitions of one file. They depend only on its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDefinitions {
    pub items: Vec<Definition>,
    pub imports: Vec<Import>,
    /// For each `include!`: the end of the path of the included file, which is part of its modules.
    pub includes: Vec<String>,
    /// It is not Rust, or is Rust that cannot be split into definitions: it counts byte for byte.
    pub is_raw: bool,
    /// It has `unsafe` code.
    pub has_unsafe: bool,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub kind: Kind,
    pub name: String,
    /// Inline modules and functions around it.
    pub scope: Vec<String>,
    /// Hash of the tokens that count.
    pub hash: String,
    pub mentions: Vec<Mention>,
    /// Fields, variants or methods by name, to report what changed.
    pub parts: Vec<(String, String)>,
    /// It depends on more than its tokens.
    pub asks_beyond: bool,
    /// For a macro and for a macro's input: it may define named items.
    pub makes_items: bool,
    /// For a macro: the macros that it calls.
    pub macros: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A struct, enum, union or alias.
    Type,
    Trait,
    /// The associated types of an `impl`.
    Impl,
    /// The input of an unknown macro, by the macro's name or by the item that has it as an
    /// attribute.
    Expanded,
    Constant,
    Function,
    Macro,
    Module,
}

impl Kind {
    /// Whether an old value may have this type or depend on its layout. Other kinds only matter to
    /// the definitions that mention them.
    pub fn is_compared(self) -> bool {
        matches!(self, Self::Type | Self::Trait | Self::Impl | Self::Expanded)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Trait => "trait",
            Self::Impl => "the associated types of",
            Self::Expanded => "the expansion of",
            Self::Constant => "constant",
            Self::Function => "function",
            Self::Macro => "macro",
            Self::Module => "module",
        }
    }
}

/// One name that a `use` imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub scope: Vec<String>,
    /// `*` for a glob.
    pub name: String,
    pub path: Vec<String>,
}

/// Prefix of a function among the modules of a scope.
pub const FUNCTION: &str = "fn ";

impl FileDefinitions {
    /// Collects the definitions of a parsed file.
    pub fn of(file: &syn::File) -> Self {
        let mut collector = Collector::default();
        collector.visit_file(file);
        collector.found.has_unsafe = has_unsafe(file.to_token_stream());
        collector.found
    }

    /// Whether other files are part of its modules.
    pub fn has_other_files(&self) -> bool {
        !self.includes.is_empty()
    }

    /// Whether an `include!` in it may read the file at this path.
    pub fn may_include(&self, path: &str) -> bool {
        self.includes.iter().any(|end| path.ends_with(end.as_str()))
    }

    /// For any other file.
    pub fn raw() -> Self {
        Self {
            is_raw: true,
            ..Self::default()
        }
    }
}

/// The end of the path in an `include!`: the file name, if it is written out as in
/// `concat!(env!("OUT_DIR"), "/made.rs")`. Otherwise empty, as every path ends with that.
fn included(tokens: &TokenStream) -> String {
    let literal = |token: Option<TokenTree>| match token {
        Some(TokenTree::Literal(literal)) => {
            let text: syn::LitStr = syn::parse2(TokenTree::from(literal).into()).ok()?;
            let text = text.value();
            Some(text.rsplit('/').next().unwrap_or_default().to_owned())
        }
        _ => None,
    };
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let end = match &tokens[..] {
        [only] => literal(Some(only.clone())),
        [
            TokenTree::Ident(name),
            TokenTree::Punct(_),
            TokenTree::Group(parts),
        ] if name == "concat" => literal(parts.stream().into_iter().last()),
        _ => None,
    };
    end.unwrap_or_default()
}

#[derive(Default)]
struct Collector {
    found: FileDefinitions,
    scope: Vec<String>,
}

impl Collector {
    fn add(&mut self, kind: Kind, name: String, tokens: TokenStream) -> &mut Definition {
        let definition = Definition {
            kind,
            name,
            scope: self.scope.clone(),
            hash: hash_tokens(tokens.clone())[..32].to_owned(),
            asks_beyond: asks_beyond(tokens.clone()),
            mentions: mentions(tokens),
            parts: Vec::new(),
            makes_items: false,
            macros: Vec::new(),
        };
        self.found.items.push(definition);
        let last = self.found.items.len() - 1;
        &mut self.found.items[last]
    }

    /// Adds the input of an unknown attribute macro.
    fn add_expanded(&mut self, name: String, tokens: TokenStream) {
        self.add(Kind::Expanded, name, tokens).makes_items = true;
    }

    /// Adds a macro call at an item position.
    fn add_call(&mut self, call: &syn::Macro, at_item_position: bool) {
        let known = expression_macro(&call.path).is_some() || is_item_macro(&call.path);
        let given = may_hold_items(call.tokens.clone());
        if call.path.is_ident("include") {
            self.found.includes.push(included(&call.tokens));
        }
        if !given && (known || !at_item_position) {
            return;
        }
        let name = call
            .path
            .segments
            .last()
            .map(|it| plain(&it.ident.to_string()));
        let definition = self.add(
            Kind::Expanded,
            name.unwrap_or_default(),
            call.to_token_stream(),
        );
        definition.makes_items = given;
        definition.macros = vec![definition.name.clone()];
    }

    fn inside(&mut self, scope: String, visit: impl FnOnce(&mut Self)) {
        self.scope.push(scope);
        visit(self);
        self.scope.pop();
    }

    fn import(&mut self, tree: &UseTree, path: &[String]) {
        let with = |name: &syn::Ident| -> Vec<String> {
            path.iter()
                .cloned()
                .chain([plain(&name.to_string())])
                .collect()
        };
        let (name, path) = match tree {
            UseTree::Path(inner) => return self.import(&inner.tree, &with(&inner.ident)),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, path));
            }
            UseTree::Glob(_) => ("*".to_owned(), path.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                (path.last().cloned().unwrap_or_default(), path.to_vec())
            }
            UseTree::Name(name) => (plain(&name.ident.to_string()), with(&name.ident)),
            UseTree::Rename(rename) if rename.ident == "self" => {
                (plain(&rename.rename.to_string()), path.to_vec())
            }
            UseTree::Rename(rename) => (plain(&rename.rename.to_string()), with(&rename.ident)),
        };
        let scope = self.scope.clone();
        self.found.imports.push(Import { scope, name, path });
    }

    fn function(
        &mut self,
        attributes: &[Attribute],
        signature: &syn::Signature,
        body: Option<&syn::Block>,
    ) {
        let mut tokens = signature.to_token_stream();
        let name = plain(&signature.ident.to_string());
        let is_expanded = !attributes.iter().all(is_harmless_attribute);
        let determines_type = signature.constness.is_some()
            || signature.asyncness.is_some()
            || has_impl(&signature.output);
        if is_expanded || determines_type {
            body.to_tokens(&mut tokens);
        }
        if is_expanded {
            let mut all = TokenStream::new();
            attributes.iter().for_each(|it| it.to_tokens(&mut all));
            all.extend(tokens.clone());
            self.add_expanded(name.clone(), relevant(all, false));
        }
        self.add(Kind::Function, name.clone(), relevant(tokens, true));
        if let Some(body) = body {
            self.inside(format!("{FUNCTION}{name}"), |it| {
                visit::visit_block(it, body)
            });
        }
    }

    /// The relevant tokens of a type or trait. An attribute macro also sees its derives.
    fn relevant(attributes: &[Attribute], tokens: TokenStream) -> TokenStream {
        let is_known =
            |attribute: &Attribute| is_harmless_attribute(attribute) || is_helper(attribute);
        relevant(tokens, attributes.iter().all(is_known))
    }

    fn type_of(
        &mut self,
        attributes: &[Attribute],
        name: &syn::Ident,
        tokens: TokenStream,
        parts: Vec<(String, String)>,
    ) {
        let tokens = Self::relevant(attributes, tokens);
        self.add(Kind::Type, plain(&name.to_string()), tokens).parts = parts;
    }

    fn trait_of(&mut self, definition: &syn::ItemTrait) {
        let name = plain(&definition.ident.to_string());
        let is_expanded = !definition.attrs.iter().all(is_harmless_attribute);
        let mut pruned = definition.clone();
        if !is_expanded {
            for item in &mut pruned.items {
                if let TraitItem::Fn(method) = item {
                    method.default = None;
                }
            }
        }
        let text = |item: &TraitItem| match item {
            TraitItem::Fn(method) => Some((
                method.sig.ident.to_string(),
                method.sig.to_token_stream().to_string(),
            )),
            TraitItem::Type(it) => Some((it.ident.to_string(), it.to_token_stream().to_string())),
            TraitItem::Const(it) => {
                Some((it.ident.to_string(), it.ty.to_token_stream().to_string()))
            }
            _ => None,
        };
        let parts = definition.items.iter().filter_map(text).collect();
        let tokens = Self::relevant(&definition.attrs, pruned.to_token_stream());
        self.add(Kind::Trait, name.clone(), tokens).parts = parts;
        self.inside(name, |it| {
            for item in &definition.items {
                match item {
                    TraitItem::Fn(method) => {
                        it.function(&method.attrs, &method.sig, method.default.as_ref())
                    }
                    TraitItem::Const(constant) => {
                        it.add(
                            Kind::Constant,
                            constant.ident.to_string(),
                            constant.to_token_stream(),
                        );
                        visit::visit_trait_item_const(it, constant);
                    }
                    TraitItem::Macro(call) => it.add_call(&call.mac, true),
                    _ => {}
                }
            }
        });
    }

    fn implementation(&mut self, block: &syn::ItemImpl) {
        let mut header = syn::ItemImpl {
            attrs: Vec::new(),
            items: Vec::new(),
            ..block.clone()
        };
        let name = relevant(header.to_token_stream(), true).to_string();
        let name = name.trim_end_matches(['{', '}', ' ']).to_owned();
        let is_known =
            |attribute: &Attribute| is_harmless_attribute(attribute) || is_of_impls(attribute);
        if !block.attrs.iter().all(is_known) {
            self.add_expanded(name.clone(), relevant(block.to_token_stream(), false));
        }
        header.attrs.clone_from(&block.attrs);
        header.items = block
            .items
            .iter()
            .filter(|item| matches!(item, ImplItem::Type(_)))
            .cloned()
            .collect();
        if !header.items.is_empty() {
            let text = |item: &ImplItem| match item {
                ImplItem::Type(it) => {
                    Some((it.ident.to_string(), it.ty.to_token_stream().to_string()))
                }
                _ => None,
            };
            let parts = header.items.iter().filter_map(text).collect();
            self.add(
                Kind::Impl,
                name.clone(),
                relevant(header.to_token_stream(), true),
            )
            .parts = parts;
        }
        self.inside(name, |it| {
            for item in &block.items {
                match item {
                    ImplItem::Fn(method) => {
                        it.function(&method.attrs, &method.sig, Some(&method.block))
                    }
                    ImplItem::Const(constant) => {
                        it.add(
                            Kind::Constant,
                            constant.ident.to_string(),
                            constant.to_token_stream(),
                        );
                        visit::visit_impl_item_const(it, constant);
                    }
                    ImplItem::Macro(call) => it.add_call(&call.mac, true),
                    _ => {}
                }
            }
        });
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes_of(item).iter().any(is_for_tests) {
            return;
        }
        match item {
            Item::Struct(it) => {
                self.type_of(
                    &it.attrs,
                    &it.ident,
                    it.to_token_stream(),
                    fields(&it.fields),
                );
                visit::visit_item(self, item);
            }
            Item::Enum(it) => {
                let variant = |it: &syn::Variant| {
                    (
                        it.ident.to_string(),
                        it.fields.to_token_stream().to_string(),
                    )
                };
                let parts = it.variants.iter().map(variant).collect();
                self.type_of(&it.attrs, &it.ident, it.to_token_stream(), parts);
                visit::visit_item(self, item);
            }
            Item::Union(it) => {
                let parts = fields(&syn::Fields::Named(it.fields.clone()));
                self.type_of(&it.attrs, &it.ident, it.to_token_stream(), parts);
            }
            Item::Type(it) => self.type_of(&it.attrs, &it.ident, it.to_token_stream(), Vec::new()),
            Item::Trait(it) => self.trait_of(it),
            Item::TraitAlias(it) => {
                self.add(Kind::Trait, it.ident.to_string(), it.to_token_stream());
            }
            Item::Impl(it) => self.implementation(it),
            Item::Fn(it) => self.function(&it.attrs, &it.sig, Some(&it.block)),
            Item::Const(it) => {
                self.constant(&it.attrs, &it.ident, it.to_token_stream());
                visit::visit_item(self, item);
            }
            Item::Static(it) => {
                self.constant(&it.attrs, &it.ident, it.to_token_stream());
                visit::visit_item(self, item);
            }
            Item::Mod(it) => {
                let name = plain(&it.ident.to_string());
                if !it.attrs.iter().all(is_harmless_attribute) {
                    self.add_expanded(name.clone(), it.to_token_stream());
                }
                self.add(Kind::Module, name.clone(), TokenStream::new());
                self.inside(name, |inside| visit::visit_item(inside, item));
            }
            Item::Use(it) => self.import(&it.tree, &[]),
            Item::ExternCrate(it) => {
                let name = it.rename.as_ref().map_or(&it.ident, |(_, name)| name);
                let (scope, name) = (self.scope.clone(), plain(&name.to_string()));
                let path = vec![plain(&it.ident.to_string())];
                self.found.imports.push(Import { scope, name, path });
            }
            Item::Macro(it) => match &it.ident {
                Some(name) if it.mac.path.is_ident("macro_rules") => {
                    let tokens = it.mac.tokens.clone();
                    let mut macros = BTreeSet::new();
                    macros_called(tokens.clone(), &mut macros);
                    let definition =
                        self.add(Kind::Macro, plain(&name.to_string()), tokens.clone());
                    definition.makes_items = may_hold_items(tokens);
                    definition.macros = macros.into_iter().collect();
                }
                _ => self.add_call(&it.mac, true),
            },
            Item::ForeignMod(_) => {}
            _ => self.found.is_raw = true,
        }
    }

    fn visit_stmt_macro(&mut self, statement: &'ast syn::StmtMacro) {
        self.add_call(&statement.mac, true);
    }

    // An expression macro expands to its own block: items in it have no names outside.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_call(call, false);
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        self.found.is_raw |= matches!(expression, syn::Expr::Verbatim(_));
        visit::visit_expr(self, expression);
    }

    fn visit_type(&mut self, of: &'ast syn::Type) {
        self.found.is_raw |= matches!(of, syn::Type::Verbatim(_));
        visit::visit_type(self, of);
    }
}

impl Collector {
    fn constant(&mut self, attributes: &[Attribute], name: &syn::Ident, tokens: TokenStream) {
        let is_known =
            |attribute: &Attribute| is_harmless_attribute(attribute) || is_of_statics(attribute);
        let name = plain(&name.to_string());
        if !attributes.iter().all(is_known) {
            self.add_expanded(name.clone(), relevant(tokens.clone(), false));
        }
        self.add(Kind::Constant, name, relevant(tokens, true));
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Struct(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Const(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        _ => &[],
    }
}

fn fields(fields: &syn::Fields) -> Vec<(String, String)> {
    let field = |(position, field): (usize, &syn::Field)| {
        let name = field
            .ident
            .as_ref()
            .map_or_else(|| position.to_string(), ToString::to_string);
        (name, field.ty.to_token_stream().to_string())
    };
    fields.iter().enumerate().map(field).collect()
}

fn has_impl(output: &ReturnType) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    finder.visit_return_type(output);
    finder.0
}

/// Attributes of types that are built in, or that only derives read.
fn is_helper(attribute: &Attribute) -> bool {
    const HELPERS: [&str; 6] = ["default", "derive", "error", "from", "repr", "serde"];
    HELPERS.contains(&path_text(attribute.path()).as_str())
}

/// Attributes of implementations that register the block and do not change it.
fn is_of_impls(attribute: &Attribute) -> bool {
    path_text(attribute.path()) == "typetag::serde"
}

/// Attributes of statics that define no types which other code can name.
fn is_of_statics(attribute: &Attribute) -> bool {
    const KNOWN: [&str; 5] = [
        "kt::service",
        "kt::state",
        "global_allocator",
        "distributed_slice",
        "linkme::distributed_slice",
    ];
    KNOWN.contains(&path_text(attribute.path()).as_str())
}

/// Macros at item positions that define statics only.
fn is_item_macro(path: &syn::Path) -> bool {
    const KNOWN: [&str; 5] = [
        "lazy_static",
        "thread_local",
        "task_local",
        "submit",
        "collect",
    ];
    path.segments
        .last()
        .is_some_and(|last| KNOWN.contains(&last.ident.to_string().as_str()))
}
