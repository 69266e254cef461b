//! The names that tokens mention, and the tokens of an item that count.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use serde::{Deserialize, Serialize};

/// A path in the source: `Rec`, `crate::model::Rec`, or the `::N` behind `<Rec as Sized>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mention {
    pub path: Vec<String>,
    /// No name precedes it, so it may be defined anywhere: a method, an associated item, a macro.
    pub anywhere: bool,
}

/// Keywords and primitive types: an edit cannot give them another meaning.
const KEYWORDS: [&str; 54] = [
    "_", "as", "async", "await", "bool", "break", "char", "const", "continue", "default", "dyn",
    "else", "enum", "extern", "f32", "f64", "false", "fn", "for", "i128", "i16", "i32", "i64",
    "i8", "if", "impl", "in", "isize", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "static", "str", "struct", "trait", "true", "type", "u128", "u16", "u32", "u64",
    "u8", "union", "unsafe", "use", "usize", "where", "while",
];

/// Every path that the tokens mention, without duplicates.
pub fn mentions(tokens: TokenStream) -> Vec<Mention> {
    let mut found = BTreeSet::new();
    collect(tokens, &mut found);
    found.into_iter().collect()
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mark = |at: Option<usize>, expected: char| matches!(at.and_then(|at| tokens.get(at)), Some(TokenTree::Punct(mark)) if mark.as_char() == expected);
    let identifier = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(plain(&name.to_string())),
        _ => None,
    };
    let is_path = |at: usize| mark(Some(at), ':') && mark(Some(at + 1), ':');
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let TokenTree::Group(group) = token {
            collect(group.stream(), found);
        }
        let Some(first) = identifier(at) else {
            at += 1;
            continue;
        };
        let before = |count: usize| at.checked_sub(count);
        let is_lifetime = mark(before(1), '\'');
        let is_member = mark(before(1), '.') && !mark(before(2), '.');
        let mut anywhere = mark(before(1), ':') && mark(before(2), ':');
        let mut path = vec![first];
        at += 1;
        while is_path(at)
            && let Some(next) = identifier(at + 2)
        {
            path.push(next);
            at += 3;
        }
        // A field, binding or parameter declares this name.
        let is_own_name = path.len() == 1 && mark(Some(at), ':') && !is_path(at);
        let is_call = matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        let is_field = is_member && !is_call && !is_path(at);
        if is_lifetime || is_own_name || is_field {
            continue;
        }
        if path.len() == 1 && KEYWORDS.contains(&path[0].as_str()) {
            continue;
        }
        anywhere |= is_member || mark(Some(at), '!');
        found.insert(Mention { path, anywhere });
    }
}

/// A name without `r#`.
pub fn plain(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

/// Attributes that cannot change a type: documentation, lints, serde's names.
const IRRELEVANT_ATTRIBUTES: [&str; 11] = [
    "allow",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "serde",
    "warn",
];

/// Derives that implement traits and define no types that other code can name.
const DERIVES: [&str; 14] = [
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "Display",
    "Eq",
    "Error",
    "From",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Serialize",
];

/// The tokens without attributes that cannot change a type.
///
/// `derives` selects whether derives that cannot change a type are removed too. They stay where an
/// attribute macro sees them.
pub fn relevant(tokens: TokenStream, derives: bool) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let attribute = match tokens.peek() {
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                        relevant_attribute(group, derives)
                    }
                    _ => {
                        kept.push(mark.into());
                        continue;
                    }
                };
                tokens.next();
                if let Some(group) = attribute {
                    kept.push(mark.into());
                    kept.push(group.into());
                }
            }
            TokenTree::Group(group) => {
                kept.push(Group::new(group.delimiter(), relevant(group.stream(), derives)).into());
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

/// The brackets of an attribute without irrelevant parts; `None` if nothing is left.
fn relevant_attribute(group: &Group, derives: bool) -> Option<Group> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let Some(TokenTree::Ident(name)) = tokens.first() else {
        return Some(group.clone());
    };
    let name = name.to_string();
    let is_path = matches!(tokens.get(1), Some(TokenTree::Punct(mark)) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
    if !is_path && IRRELEVANT_ATTRIBUTES.contains(&name.as_str()) {
        return None;
    }
    if name != "derive" || !derives {
        return Some(group.clone());
    }
    let Some(TokenTree::Group(list)) = tokens.get(1) else {
        return Some(group.clone());
    };
    let text = list.stream().to_string();
    let others: Vec<String> = text
        .split(',')
        .map(|it| it.replace(' ', ""))
        .filter(|it| !it.is_empty() && !is_irrelevant_derive(it))
        .collect();
    if others.is_empty() {
        return None;
    }
    let text = format!("derive({})", others.join(","));
    let stream = text.parse().ok()?;
    Some(Group::new(Delimiter::Bracket, stream))
}

fn is_irrelevant_derive(path: &str) -> bool {
    DERIVES.contains(&path.rsplit("::").next().unwrap_or(path))
}

/// Whether the meaning of the tokens depends on more than the tokens: on a file, or on their
/// position.
pub fn asks_beyond(tokens: TokenStream) -> bool {
    const MACROS: [&str; 5] = ["column", "include", "include_bytes", "include_str", "line"];
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mark = |at: usize, expected: char| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == expected);
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => asks_beyond(group.stream()),
        TokenTree::Ident(name) => {
            let name = name.to_string();
            MACROS.contains(&name.as_str()) && mark(at + 1, '!')
                // `Location::caller()` can be called in constants.
                || name == "caller" && at > 0 && mark(at - 1, ':')
        }
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Whether the tokens, as a macro's arguments or rules, may contain a named item.
pub fn may_hold_items(tokens: TokenStream) -> bool {
    const ITEMS: [&str; 9] = [
        "enum",
        "extern",
        "impl",
        "macro_rules",
        "mod",
        "struct",
        "trait",
        "type",
        "union",
    ];
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => may_hold_items(group.stream()),
        TokenTree::Ident(name) => ITEMS.contains(&name.to_string().as_str()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Whether the tokens have `unsafe` code that may read memory as another type than it was written
/// as. Implementations of `Send` and `Sync`, and attributes, do not count.
pub fn has_unsafe(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let identifier = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    };
    let is_marker_impl = |at: usize| {
        let end = (at..tokens.len()).find(|at| identifier(*at).as_deref() == Some("for"));
        let of = end.and_then(|end| identifier(end.checked_sub(1)?));
        identifier(at).as_deref() == Some("impl") && matches!(of.as_deref(), Some("Send" | "Sync"))
    };
    let is_attribute = |at: usize| matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => has_unsafe(group.stream()),
        TokenTree::Ident(name) => {
            name == "unsafe" && !is_marker_impl(at + 1) && !is_attribute(at + 1)
        }
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The names of all macros that are called in the tokens.
pub fn macros_called(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => macros_called(group.stream(), found),
            TokenTree::Ident(name) => {
                let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '!' && mark.spacing() == Spacing::Alone)
                    && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                if is_call {
                    found.insert(plain(&name.to_string()));
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
