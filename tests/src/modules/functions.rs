//! The lengths of functions.

use std::path::Path;

use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn, visit::Visit};

use super::tree::Tree;

/// A function, with its lines from the signature to the closing brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// `file:line`.
    pub place: String,
    pub lines: usize,
}

/// All functions of the crate whose root is the file `root`, without those of tests; the longest
/// first.
pub fn functions(root: &Path) -> Vec<Function> {
    let tree = Tree::of(root);
    let mut found = Vec::new();
    for module in tree.modules.values() {
        let mut visitor = Functions {
            file: module.file.display().to_string(),
            found: &mut found,
        };
        for item in &module.items {
            visitor.visit_item(item);
        }
    }
    found.sort_by_key(|function: &Function| std::cmp::Reverse(function.lines));
    found
}

struct Functions<'a> {
    file: String,
    found: &'a mut Vec<Function>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let first = signature.fn_token.span.start().line;
        let last = block.brace_token.span.close().end().line;
        self.found.push(Function {
            name: signature.ident.to_string(),
            place: format!("{}:{first}", self.file),
            lines: last - first + 1,
        });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}
