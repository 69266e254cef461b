//! Finds kt's attribute where it would be ignored: within a function or a module.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// The first `#[kt::service…]` in a source that is not in `read`. Ignores `#[service]` without a
/// crate name, which may be another crate's.
pub(super) fn find(text: &str, read: &[Span]) -> Option<Span> {
    let read: Vec<_> = read.iter().map(Span::start).collect();
    let tokens = text.parse().ok()?;
    let mut all = Vec::new();
    collect(tokens, &mut all);
    all.into_iter().find(|span| !read.contains(&span.start()))
}

fn collect(tokens: TokenStream, found: &mut Vec<Span>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(pound) if pound.as_char() == '#' => {
                let is_ours = matches!(
                    tokens.peek(),
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket && is_ours(group.stream())
                );
                if is_ours {
                    found.push(pound.span());
                }
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            _ => {}
        }
    }
}

fn is_ours(attribute: TokenStream) -> bool {
    let path = attribute
        .clone()
        .into_iter()
        .take_while(|it| !matches!(it, TokenTree::Group(_)));
    let path: String = path.map(|it| it.to_string()).collect();
    let path = path.trim_start_matches("::");
    let has_crate_argument = || {
        let arguments = attribute.into_iter().find_map(|it| match it {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        });
        arguments.is_some_and(|arguments| super::has_crate_argument(&arguments))
    };
    path == "kt::service"
        || path == "kt_runtime::service"
        || path.ends_with("::service") && has_crate_argument()
}
