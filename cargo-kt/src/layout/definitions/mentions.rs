//! Which names some tokens mention, and what of an item's tokens counts.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use serde::{Deserialize, Serialize};

/// A path in the source: `Rec`, `crate::model::Rec`, or the `::N` behind `<Rec as Sized>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mention {
    pub path: Vec<String>,
    /// What stands before it is no name, so it may be found anywhere: a method, an associated item, a macro.
    pub anywhere: bool,
}

/// Words that name nothing which an edit could give another meaning.
const WORDS: [&str; 54] = [
    "_", "as", "async", "await", "bool", "break", "char", "const", "continue", "default", "dyn",
    "else", "enum", "extern", "f32", "f64", "false", "fn", "for", "i128", "i16", "i32", "i64",
    "i8", "if", "impl", "in", "isize", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "static", "str", "struct", "trait", "true", "type", "u128", "u16", "u32", "u64",
    "u8", "union", "unsafe", "use", "usize", "where", "while",
];

/// Every path that the tokens mention, once.
pub fn mentions(tokens: TokenStream) -> Vec<Mention> {
    let mut found = BTreeSet::new();
    collect(tokens, &mut found);
    found.into_iter().collect()
}

fn collect(tokens: TokenStream, found: &mut BTreeSet<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mark = |at: Option<usize>, wanted: char| matches!(at.and_then(|at| tokens.get(at)), Some(TokenTree::Punct(mark)) if mark.as_char() == wanted);
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(plain(&name.to_string())),
        _ => None,
    };
    let is_path = |at: usize| mark(Some(at), ':') && mark(Some(at + 1), ':');
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let TokenTree::Group(group) = token {
            collect(group.stream(), found);
        }
        let Some(first) = word(at) else {
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
            && let Some(next) = word(at + 2)
        {
            path.push(next);
            at += 3;
        }
        // A field, binding or parameter: its own name.
        let is_own_name = path.len() == 1 && mark(Some(at), ':') && !is_path(at);
        let is_call = matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        let is_field = is_member && !is_call && !is_path(at);
        if is_lifetime || is_own_name || is_field {
            continue;
        }
        if path.len() == 1 && WORDS.contains(&path[0].as_str()) {
            continue;
        }
        anywhere |= is_member || mark(Some(at), '!');
        found.insert(Mention { path, anywhere });
    }
}

/// A name without what only says that it is one.
pub fn plain(name: &str) -> String {
    name.strip_prefix("r#").unwrap_or(name).to_owned()
}

/// Attributes that say nothing of a type: what is written about it, how it is checked, how serde names it.
const SILENT: [&str; 11] = [
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

/// Derives that implement traits and make no types that others could name.
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

/// The tokens without attributes that say nothing of a type.
///
/// `derives` says whether such derives are silent too: they are not where an attribute macro sees them.
pub fn telling(tokens: TokenStream, derives: bool) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let attribute = match tokens.peek() {
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                        telling_attribute(group, derives)
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
                kept.push(Group::new(group.delimiter(), telling(group.stream(), derives)).into());
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

/// What is left of the brackets of an attribute; `None` for nothing.
fn telling_attribute(group: &Group, derives: bool) -> Option<Group> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let Some(TokenTree::Ident(name)) = tokens.first() else {
        return Some(group.clone());
    };
    let name = name.to_string();
    let is_path = matches!(tokens.get(1), Some(TokenTree::Punct(mark)) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint);
    if !is_path && SILENT.contains(&name.as_str()) {
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
        .filter(|it| !it.is_empty() && !is_silent_derive(it))
        .collect();
    if others.is_empty() {
        return None;
    }
    let text = format!("derive({})", others.join(","));
    let stream = text.parse().ok()?;
    Some(Group::new(Delimiter::Bracket, stream))
}

fn is_silent_derive(path: &str) -> bool {
    DERIVES.contains(&path.rsplit("::").next().unwrap_or(path))
}

/// Whether what the tokens mean depends on more than tokens: on a file, or on where they stand.
pub fn asks_beyond(tokens: TokenStream) -> bool {
    const MACROS: [&str; 5] = ["column", "include", "include_bytes", "include_str", "line"];
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mark = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == wanted);
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

/// Whether the tokens, as a macro's arguments or rules, may hold an item that has a name.
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

/// Whether the tokens have `unsafe` code that may read memory as another type than it was written as: all but the promise
/// that a type is `Send` or `Sync`, and attributes.
pub fn has_unsafe(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    };
    let is_promise = |at: usize| {
        let end = (at..tokens.len()).find(|at| word(*at).as_deref() == Some("for"));
        let of = end.and_then(|end| word(end.checked_sub(1)?));
        word(at).as_deref() == Some("impl") && matches!(of.as_deref(), Some("Send" | "Sync"))
    };
    let is_attribute = |at: usize| matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => has_unsafe(group.stream()),
        TokenTree::Ident(name) => name == "unsafe" && !is_promise(at + 1) && !is_attribute(at + 1),
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
