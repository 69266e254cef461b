//! Finds the path to kt-runtime in the user's crate: `::kt`, a renamed dependency or a re-export.

use std::{env, fs, path};

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Path, Token,
    parse::{Parse, ParseStream, Parser},
};

/// The package and its library.
const PACKAGE: &str = "kt-runtime";
const LIBRARY: &str = "kt";

/// Removes `crate = path` from an attribute's arguments, at any position, and returns the rest.
///
/// # Errors
/// If it is given twice or is not a path.
pub fn take(arguments: TokenStream) -> (TokenStream, Result<Option<Path>, Error>) {
    let mut rest: Vec<TokenStream> = Vec::new();
    let mut found = Ok(None);
    for argument in split(arguments) {
        let is_ours = matches!(argument.clone().into_iter().next(), Some(TokenTree::Ident(name)) if name == "crate");
        if !is_ours {
            rest.push(argument);
            continue;
        }
        let again = matches!(found, Ok(Some(_)));
        found = match parse.parse2(argument.clone()) {
            Ok(_) if again => Err(Error::new_spanned(argument, "`crate` is given twice")),
            Ok(path) => found.map(|_| Some(path)),
            Err(error) => Err(error),
        };
    }
    (quote! { #(#rest),* }, found)
}

fn parse(input: ParseStream<'_>) -> syn::Result<Path> {
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    Path::parse(input)
}

/// Splits at the commas outside of groups.
fn split(arguments: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in arguments {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            _ => parts
                .last_mut()
                .into_iter()
                .for_each(|part| part.extend([token.clone()])),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The name under which the crate being compiled depends on kt-runtime; `None` is the default name.
///
/// # Errors
/// If it does not depend on kt-runtime.
pub fn find() -> Result<Option<String>, String> {
    let externs = externs(env::args());
    if externs.is_empty() {
        // A language server expands macros outside of rustc. It has only the manifest. If that does
        // not rename the dependency, assume the default name.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").and_then(|folder| {
            fs::read_to_string(path::Path::new(&folder).join("Cargo.toml")).ok()
        });
        return Ok(manifest.and_then(|manifest| renamed(&manifest)));
    }
    if externs.iter().any(|(name, _)| name == LIBRARY) {
        return Ok(None);
    }
    let is_ours = |file: &str| {
        file.strip_prefix("lib")
            .and_then(|file| file.strip_prefix(LIBRARY))
            .is_some_and(|rest| rest.starts_with(['-', '.']))
    };
    match externs.iter().find(|(_, file)| is_ours(file)) {
        Some((name, _)) => Ok(Some(name.clone())),
        None => Err(format!(
            "this crate does not depend on {PACKAGE}: add it with `cargo add {PACKAGE}`, or name its re-export \
             with `crate = path::to::kt`"
        )),
    }
}

/// Names and files of rustc's `--extern name=path/file` or `--extern=…` arguments. A name may have
/// options and a colon before it.
fn externs(arguments: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut next = false;
    for argument in arguments {
        let value = match argument.strip_prefix("--extern=") {
            Some(value) => value.to_owned(),
            None if next => argument.clone(),
            None => {
                next = argument == "--extern";
                continue;
            }
        };
        next = false;
        let (name, path) = value.split_once('=').unwrap_or((&value, ""));
        let name = name.rsplit(':').next().unwrap_or(name);
        let file = path.rsplit('/').next().unwrap_or(path);
        found.push((name.to_owned(), file.to_owned()));
    }
    found
}

/// The name that a manifest gives to its dependency on kt-runtime: a line with
/// `name = { package = "kt-runtime", … }`, or a separate table.
fn renamed(manifest: &str) -> Option<String> {
    let mut table = "";
    for line in manifest.lines() {
        let line = line.trim();
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        }
        let compact: String = line.split_whitespace().collect();
        if !compact.contains(&format!("package=\"{PACKAGE}\"")) {
            continue;
        }
        let name = match compact.split_once("={") {
            Some((name, _)) => name.to_owned(),
            None => table.rsplit('.').next()?.to_owned(),
        };
        return Some(name.trim_matches('"').replace('-', "_"));
    }
    None
}

/// Placeholder for the path in an expansion, as in `::__kt__::State`, until [`rebase`] replaces it.
/// User code has no such name.
const PLACEHOLDER: &str = "__kt__";

/// Replaces the placeholder in an expansion with `path`.
pub fn rebase(tokens: TokenStream, path: &TokenStream) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == PLACEHOLDER => {
                // Remove the colons before it: the path has its own, or needs none.
                out.truncate(out.len().saturating_sub(2));
                out.extend(path.clone().into_iter().map(|mut token| {
                    // Resolved where the user wrote it, and reported where the expansion says.
                    token.set_span(token.span().located_at(name.span()));
                    token
                }));
            }
            // The user's own tokens stay unchanged, including their spans: lints check those.
            TokenTree::Group(group) if has_placeholder(&group.stream()) => {
                let mut inner = Group::new(group.delimiter(), rebase(group.stream(), path));
                inner.set_span(group.span());
                out.push(inner.into());
            }
            token => out.push(token),
        }
    }
    out.into_iter().collect()
}

/// Same as [`with`], for an attribute that `cargo kt` reads from the source. `crate = path` is
/// required if the dependency is renamed.
pub fn with_explicit_name(
    arguments: TokenStream,
    item: TokenStream,
    expand: fn(TokenStream, TokenStream) -> TokenStream,
) -> TokenStream {
    let given = take(arguments.clone()).1;
    let error = match (given, find()) {
        (Ok(None), Ok(Some(name))) => {
            let why = format!(
                "`cargo kt` reads this attribute from the source, where it expects the crate name `kt`: \
                 add `crate = {name}`"
            );
            Some(Error::new(Span::call_site(), why).into_compile_error())
        }
        _ => None,
    };
    let expansion = with(arguments, item, expand);
    quote! { #error #expansion }
}

fn has_placeholder(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == PLACEHOLDER,
        TokenTree::Group(group) => has_placeholder(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Expands an attribute with the path from its arguments or from the crate's dependencies. `expand`
/// receives the other arguments.
pub fn with(
    arguments: TokenStream,
    item: TokenStream,
    expand: fn(TokenStream, TokenStream) -> TokenStream,
) -> TokenStream {
    let (arguments, given) = take(arguments);
    let (path, error) = match given {
        Ok(Some(path)) => (path.into_token_stream(), None),
        Ok(None) => match find() {
            Ok(name) => {
                // Same hygiene as the tokens around it: otherwise rustc does not underline from the
                // first token to the last.
                let mixed = Span::mixed_site();
                let name = Ident::new(name.as_deref().unwrap_or(LIBRARY), mixed);
                (quote_spanned! {mixed=> ::#name }, None)
            }
            // Without the path every further error would be a consequence of this one.
            Err(why) => {
                let error = Error::new(Span::call_site(), why).into_compile_error();
                return quote! { #error #item };
            }
        },
        Err(error) => (quote! { ::kt }, Some(error.into_compile_error())),
    };
    let expansion = rebase(expand(arguments, item), &path);
    quote! { #error #expansion }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> TokenStream {
        source.parse().expect("a token stream")
    }

    #[test]
    fn crate_path_is_removed_from_the_arguments_at_any_position() {
        for source in ["crate = a::kt, version = 2", "version = 2, crate = a::kt"] {
            let (rest, path) = take(tokens(source));
            assert_eq!(crate::tokens::text(rest), "version = 2");
            let path = path.unwrap().expect("it is there");
            assert_eq!(crate::tokens::text(path.into_token_stream()), "a::kt");
        }
        assert!(take(tokens("env = { crate = 1 }")).1.unwrap().is_none());
        assert!(take(tokens("crate = a, crate = b")).1.is_err());
        assert!(take(tokens("crate")).1.is_err());
    }

    #[test]
    fn rebase_replaces_the_placeholder_at_any_depth_and_nothing_else() {
        let given =
            tokens("fn f() -> ::__kt__::Call<u8> { impl ::__kt__::A for kt::B {} ::kt::c() }");
        let rebased = rebase(given, &tokens("crate::prelude::kt"));
        let expected = "fn f() -> crate::prelude::kt::Call<u8> { impl crate::prelude::kt::A for kt::B {} ::kt::c() }";
        assert_eq!(
            crate::tokens::text(rebased),
            crate::tokens::text(tokens(expected))
        );
    }

    /// A renamed dependency would not resolve a literal `::kt` in an expansion.
    #[test]
    fn expansions_name_the_crate_by_its_placeholder() {
        let mut folders = vec![path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("crate_path.rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let code = text
                        .lines()
                        .filter(|line| !line.trim_start().starts_with("//"));
                    for line in code {
                        assert!(!line.contains("::kt::"), "{}: {line}", path.display());
                    }
                }
            }
        }
    }

    #[test]
    fn extern_arguments_give_the_name() {
        let externs = |text: &str| externs(text.split(' ').map(str::to_owned));
        assert_eq!(
            externs(
                "rustc --extern serde=/d/libserde-1.rmeta --extern noprelude:warm=/d/libkt-2.rlib --extern=std x"
            ),
            [
                ("serde".to_owned(), "libserde-1.rmeta".to_owned()),
                ("warm".to_owned(), "libkt-2.rlib".to_owned()),
                ("std".to_owned(), String::new()),
            ]
        );
    }

    #[test]
    fn manifest_gives_the_name_without_rustc() {
        let inline = "[dependencies]\nwarm-rt = { version = \"1\", package = \"kt-runtime\" }\n";
        assert_eq!(renamed(inline).as_deref(), Some("warm_rt"));
        let table = "[dependencies.warm]\npackage = \"kt-runtime\"\n";
        assert_eq!(renamed(table).as_deref(), Some("warm"));
        assert_eq!(renamed("[dependencies]\nkt-runtime = \"1\"\n"), None);
    }
}
