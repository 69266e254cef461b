//! Parses `#[kt::service(…)]` on a program's `main`.

use proc_macro2::Ident;
use serde_json::{Map, Value};
use syn::{
    Attribute, Lit, LitStr, Meta, Path, Token, braced, bracketed,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    token::{Brace, Bracket},
};

use super::Source;
use crate::config::{ConfigError, Layer, Written};

/// Parses the options in an attribute.
pub(super) fn options(attribute: &Attribute, source: &Source<'_>) -> Result<Layer, ConfigError> {
    let Meta::List(list) = &attribute.meta else {
        return Ok(Layer::new());
    };
    let parsed = pairs
        .parse2(list.tokens.clone())
        .map_err(|error| source.invalid(format!("is invalid: {error}"), error.span()))?;
    let written = parsed.into_iter().map(|(name, value)| Written {
        origin: source.at(name.span()),
        name: name.to_string(),
        value,
    });
    Ok(written.collect())
}

fn pairs(input: ParseStream<'_>) -> syn::Result<Vec<(Ident, Value)>> {
    let mut pairs = Vec::new();
    while !input.is_empty() {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        if name == "crate" {
            // For the macro: the path of kt-runtime.
            input.call(Path::parse_mod_style)?;
            comma(input)?;
            continue;
        }
        pairs.push((name, input.parse::<Literal>()?.0));
        comma(input)?;
    }
    Ok(pairs)
}

/// A literal, a list `[…]`, or a map `{ name = value }`.
struct Literal(Value);

impl Parse for Literal {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let inner;
        if input.peek(Bracket) {
            bracketed!(inner in input);
            let mut list = Vec::new();
            while !inner.is_empty() {
                list.push(inner.parse::<Self>()?.0);
                comma(&inner)?;
            }
            return Ok(Self(list.into()));
        }
        if input.peek(Brace) {
            braced!(inner in input);
            let mut map = Map::new();
            while !inner.is_empty() {
                let name = match inner.peek(LitStr) {
                    true => inner.parse::<LitStr>()?.value(),
                    false => inner.call(Ident::parse_any)?.to_string(),
                };
                inner.parse::<Token![=]>()?;
                map.insert(name, inner.parse::<Self>()?.0);
                comma(&inner)?;
            }
            return Ok(Self(map.into()));
        }
        if !input.peek(Lit) {
            return Err(
                input.error("expected a literal, because the attribute is read before compilation")
            );
        }
        Ok(Self(match input.parse()? {
            Lit::Str(text) => text.value().into(),
            Lit::Bool(value) => value.value.into(),
            Lit::Int(number) => number.base10_parse::<u64>()?.into(),
            Lit::Float(number) => number.base10_parse::<f64>()?.into(),
            other => return Err(syn::Error::new_spanned(other, "not a valid option value")),
        }))
    }
}

fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    match input.is_empty() {
        true => Ok(()),
        false => input.parse::<Token![,]>().map(drop),
    }
}
