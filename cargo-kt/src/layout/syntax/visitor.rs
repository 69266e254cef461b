//! A hash over the tokens of a file.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{Digest, is_expression_macro};

/// The hash of a token stream, doc comments left out.
pub fn hash_tokens(tokens: TokenStream) -> String {
    let mut digest = Digest::new("tokens");
    TokenVisitor::default().visit(tokens, &mut digest);
    digest.finish()
}

/// Hashes tokens and records facts that only tokens show.
#[derive(Default)]
pub struct TokenVisitor {
    /// Something depends on its position in the file.
    pub asks_position: bool,
    pub reads_sources: bool,
    pub macros_defined: BTreeSet<String>,
}

impl TokenVisitor {
    pub fn visit(&mut self, tokens: TokenStream, digest: &mut Digest) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut position = 0;
        while let Some(token) = tokens.get(position) {
            if let Some(length) = doc_comment(&tokens[position..]) {
                position += length;
                continue;
            }
            position += 1;
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("<none", "none>"),
                    };
                    digest.add(open);
                    self.visit(group.stream(), digest);
                    digest.add(close);
                }
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    self.record(&name, &tokens[position..]);
                    digest.add(&name);
                }
                TokenTree::Punct(mark) => {
                    let mut mark_text = mark.as_char().to_string();
                    if mark.spacing() == proc_macro2::Spacing::Joint {
                        mark_text.push('~');
                    }
                    digest.add(&mark_text);
                }
                TokenTree::Literal(literal) => {
                    digest.add(&literal.to_string());
                }
            }
        }
    }

    fn record(&mut self, name: &str, after: &[TokenTree]) {
        let is_call =
            matches!(after.first(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
        match name {
            "line" | "column" if is_call => self.asks_position = true,
            // `Location::caller()` can be called in constants.
            "caller" => self.asks_position = true,
            "include_str" | "include_bytes" => {
                let is_other_file = matches!(after.get(1), Some(TokenTree::Group(group)) if {
                    let mut inside = group.stream().into_iter();
                    let first = inside.next();
                    inside.next().is_none()
                        && matches!(first, Some(TokenTree::Literal(path)) if !path.to_string().contains(".rs"))
                });
                self.reads_sources |= !is_other_file;
            }
            "macro_rules" if is_call => {
                if let Some(TokenTree::Ident(defined)) = after.get(1)
                    && is_expression_macro(&defined.to_string())
                {
                    self.macros_defined.insert(defined.to_string());
                }
            }
            _ => {}
        }
    }
}

/// How many tokens a doc attribute at the start takes.
fn doc_comment(tokens: &[TokenTree]) -> Option<usize> {
    let is_mark = |token: Option<&TokenTree>, wanted: char| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted);
    if !is_mark(tokens.first(), '#') {
        return None;
    }
    let brackets = if is_mark(tokens.get(1), '!') { 2 } else { 1 };
    let Some(TokenTree::Group(group)) = tokens.get(brackets) else {
        return None;
    };
    let is_doc = group.delimiter() == Delimiter::Bracket
        && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc");
    is_doc.then_some(brackets + 1)
}
