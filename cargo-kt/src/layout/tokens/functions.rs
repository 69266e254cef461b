//! The functions that can be left out of the hash, and the facts kept about them.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use serde::{Deserialize, Serialize};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, ReturnType, Signature};

use crate::layout::syntax::{
    expression_macro, hash_tokens, is_expression_macro, is_harmless_attribute,
};

/// A function that counts only under conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionFacts {
    pub name: String,
    /// Hash of all but the body.
    pub signature: String,
    /// Hash of the body.
    pub body: String,
    /// The body determines the result's type: `async fn`, `-> impl Trait`.
    pub body_determines_type: bool,
    /// Macros in the body that are expressions, unless another macro has their name.
    pub macros: Vec<String>,
}

/// A function's facts and the imports in its body; `None` if the whole function counts.
pub fn leave_out(
    attributes: &[Attribute],
    signature: &Signature,
    body: &Block,
) -> Option<(FunctionFacts, Vec<syn::ItemUse>)> {
    if signature.constness.is_some() || !attributes.iter().all(is_harmless_attribute) {
        return None;
    }
    let mut visitor = BodyVisitor {
        counts: false,
        macros: Vec::new(),
        imports: Vec::new(),
    };
    visitor.visit_signature(signature);
    visitor.visit_block(body);
    if visitor.counts {
        return None;
    }
    let mut head = TokenStream::new();
    attributes
        .iter()
        .for_each(|attribute| attribute.to_tokens(&mut head));
    signature.to_tokens(&mut head);
    visitor.macros.sort();
    visitor.macros.dedup();
    let facts = FunctionFacts {
        name: signature.ident.to_string(),
        signature: hash_tokens(head),
        body: hash_tokens(body.to_token_stream()),
        body_determines_type: signature.asyncness.is_some() || has_impl(&signature.output),
        macros: visitor.macros,
    };
    Some((facts, visitor.imports))
}

fn has_impl(output: &ReturnType) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
        // A macro at a type position could expand to anything.
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    finder.visit_return_type(output);
    finder.0
}

/// Looks for items that also exist outside the body.
struct BodyVisitor {
    counts: bool,
    macros: Vec<String>,
    imports: Vec<syn::ItemUse>,
}

impl<'ast> Visit<'ast> for BodyVisitor {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            // Visible only to other items of this body. If one of those matters, the whole function
            // counts.
            Item::Use(import) => self.imports.push(import.clone()),
            Item::Const(_) | Item::Fn(_) => visit::visit_item(self, item),
            _ => self.counts = true,
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.counts |= !is_harmless_attribute(attribute);
    }

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        match expression_macro(&found.path) {
            Some(name) => self.macros.push(name),
            None => self.counts = true,
        }
        self.scan_tokens(found.tokens.clone());
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        self.counts |= matches!(expression, syn::Expr::Verbatim(_));
        visit::visit_expr(self, expression);
    }

    fn visit_type(&mut self, of: &'ast syn::Type) {
        self.counts |= matches!(of, syn::Type::Verbatim(_));
        visit::visit_type(self, of);
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        self.counts |= matches!(pattern, syn::Pat::Verbatim(_));
        visit::visit_pat(self, pattern);
    }
}

impl BodyVisitor {
    /// The arguments of a macro are only tokens: anything that may start an item or call another
    /// macro counts as one.
    fn scan_tokens(&mut self, tokens: TokenStream) {
        const ITEMS: [&str; 10] = [
            "enum",
            "extern",
            "impl",
            "macro",
            "macro_rules",
            "mod",
            "static",
            "struct",
            "trait",
            "union",
        ];
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.scan_tokens(group.stream()),
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    self.counts |= ITEMS.contains(&name.as_str()) || name == "type";
                    let is_call = matches!(tokens.peek(), Some(TokenTree::Punct(mark))
                        if mark.as_char() == '!' && mark.spacing() == proc_macro2::Spacing::Alone);
                    if is_call && is_expression_macro(&name) {
                        self.macros.push(name);
                    } else if is_call {
                        self.counts = true;
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}
