//! Reads the attribute's arguments: `name = value`, where a value is a literal, a list `[…]` or a
//! map `{ name = value }`.

use syn::{
    Error, Ident, Lit, LitStr, Result, Token, braced, bracketed,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    token::{Brace, Bracket},
};

/// All options. `cargo-kt/src/config/option.rs` describes them, and a test there checks that both
/// lists are the same.
const NAMES: [&str; 33] = [
    "place",
    "context",
    "namespace",
    "name",
    "inactivity_ttl",
    "launch_timeout",
    "keep",
    "body_limit",
    "breakpoint_timeout",
    "image",
    "glibc",
    "image_pull_policy",
    "image_pull_secrets",
    "replicas",
    "cpu",
    "memory",
    "ephemeral_storage",
    "gpus",
    "gpu_resource",
    "env",
    "secrets",
    "volumes",
    "working_dir",
    "user",
    "node_selector",
    "tolerations",
    "affinity",
    "priority_class",
    "runtime_class",
    "service_account",
    "labels",
    "annotations",
    "pod_template",
];

/// The attribute's options: each is known and given once.
pub struct Options;

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            if !NAMES.iter().any(|known| name == known) {
                return Err(Error::new_spanned(&name, unknown(&name.to_string())));
            }
            if seen.contains(&name) {
                return Err(Error::new_spanned(
                    &name,
                    format!("`{name}` is given twice"),
                ));
            }
            seen.push(name);
            input.parse::<Token![=]>()?;
            value(input)?;
            comma(input)?;
        }
        Ok(Self)
    }
}

fn value(input: ParseStream<'_>) -> Result<()> {
    let inner;
    if input.peek(Bracket) {
        bracketed!(inner in input);
        while !inner.is_empty() {
            value(&inner)?;
            comma(&inner)?;
        }
        return Ok(());
    }
    if input.peek(Brace) {
        braced!(inner in input);
        while !inner.is_empty() {
            match inner.peek(LitStr) {
                true => drop(inner.parse::<LitStr>()?),
                false => drop(inner.call(Ident::parse_any)?),
            }
            inner.parse::<Token![=]>()?;
            value(&inner)?;
            comma(&inner)?;
        }
        return Ok(());
    }
    const VALUE: &str = "expected a string, a number, `true`, `false`, a list `[…]` or a map `{ name = value }`: \
                         `cargo kt` reads the value from the source before compiling";
    if !input.peek(Lit) {
        return Err(input.error(VALUE));
    }
    match input.parse()? {
        Lit::Str(_) | Lit::Int(_) | Lit::Float(_) | Lit::Bool(_) => Ok(()),
        other => Err(Error::new_spanned(other, VALUE)),
    }
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    match input.is_empty() {
        true => Ok(()),
        false => input.parse::<Token![,]>().map(drop),
    }
}

fn unknown(name: &str) -> String {
    // Typical typing errors leave a common prefix, or the same letters in another order.
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    let likeness = |known: &&&str| {
        let common = known
            .chars()
            .zip(name.chars())
            .take_while(|(one, other)| one == other)
            .count();
        let same = usize::from(letters(known) == letters(name)) * 100;
        common + same
    };
    let nearest = NAMES
        .iter()
        .max_by_key(likeness)
        .filter(|it| likeness(it) >= 3);
    match nearest {
        Some(nearest) => format!("unknown service option `{name}`: did you mean `{nearest}`?"),
        None => format!(
            "unknown service option `{name}`; the options are {}",
            NAMES.join(", ")
        ),
    }
}
