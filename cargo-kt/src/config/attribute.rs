//! `#[kt::service(…)]` on a program's `main`, read in its source: nothing is compiled yet when a pod begins to start.

use std::{fs, path::Path};

use proc_macro2::{Ident, Span};
use serde_json::{Map, Value};
use syn::{
    Attribute, Item, Lit, LitStr, Meta, Token, braced, bracketed,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    token::{Brace, Bracket},
};

use super::{ConfigError, Layer, Written};

/// The options in the attribute. A source that rustc will not take either has none.
///
/// # Errors
/// If the attribute is there only under a condition, or cannot be read.
pub fn attribute(source: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(source).map_err(|error| ConfigError::Read {
        path: source.to_owned(),
        source: error,
    })?;
    // Most programs have none, and are not parsed for it.
    if !text.contains("service") {
        return Ok(Layer::new());
    }
    let Ok(file) = syn::parse_file(&text) else {
        return Ok(Layer::new());
    };
    let attributes = file.items.iter().find_map(|item| match item {
        Item::Fn(function) if function.sig.ident == "main" => Some(&function.attrs),
        _ => None,
    });
    let mut layer = Layer::new();
    for attribute in attributes.into_iter().flatten() {
        layer.extend(options(attribute, source)?);
    }
    Ok(layer)
}

fn options(attribute: &Attribute, source: &Path) -> Result<Layer, ConfigError> {
    let at = |span: Span| format!("{}:{}", source.display(), span.start().line);
    let refused = |why: String, span: Span| ConfigError::Attribute {
        why,
        origin: at(span),
    };
    let Meta::List(list) = &attribute.meta else {
        return Ok(Layer::new());
    };
    if list.path.is_ident("cfg_attr") {
        let conditional = list.tokens.to_string().replace(' ', "");
        return match conditional.contains("kt::service(") || conditional.contains(",service(") {
            false => Ok(Layer::new()),
            true => Err(refused(
                "is there under a condition, which is not known before the program is compiled\nhelp: use `[package.metadata.kt]` or the environment".to_owned(),
                list.delimiter.span().open(),
            )),
        };
    }
    let last = list.path.segments.last();
    let leads = |name: &str| {
        list.path
            .segments
            .first()
            .is_some_and(|it| it.ident == name)
    };
    let ours = list.path.segments.len() == 1 || leads("kt") || leads("kt_runtime");
    if !ours || last.is_none_or(|it| it.ident != "service") {
        return Ok(Layer::new());
    }
    let parsed = pairs
        .parse2(list.tokens.clone())
        .map_err(|error| refused(format!("cannot be read: {error}"), error.span()))?;
    let written = parsed.into_iter().map(|(name, value)| Written {
        origin: at(name.span()),
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
        Ok(Self(match input.parse()? {
            Lit::Str(text) => text.value().into(),
            Lit::Bool(value) => value.value.into(),
            Lit::Int(number) => number.base10_parse::<u64>()?.into(),
            Lit::Float(number) => number.base10_parse::<f64>()?.into(),
            other => return Err(syn::Error::new_spanned(other, "not a value of an option")),
        }))
    }
}

fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    match input.is_empty() {
        true => Ok(()),
        false => input.parse::<Token![,]>().map(drop),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::OPTIONS;

    fn read(text: &str) -> Result<Layer, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("main.rs");
        fs::write(&path, text).unwrap();
        attribute(&path)
    }

    #[test]
    fn options_are_read_with_their_lines() {
        let layer = read(
            "use kt::remote;\n\n#[kt::service(\n    image = \"debian:12\",\n    gpus = 1, keep = true,\n    env = { RUST_LOG = \"info\", \"a.b\" = 2 },\n    \
             image_pull_secrets = [\"one\"],\n)]\n#[tokio::main]\nasync fn main() {}\n",
        )
        .unwrap();
        let values: Vec<_> = layer
            .iter()
            .map(|it| (&*it.name, it.value.clone()))
            .collect();
        assert_eq!(
            values,
            [
                ("image", json!("debian:12")),
                ("gpus", json!(1)),
                ("keep", json!(true)),
                ("env", json!({"RUST_LOG": "info", "a.b": 2})),
                ("image_pull_secrets", json!(["one"])),
            ]
        );
        assert!(
            layer[0].origin.ends_with("main.rs:4"),
            "{}",
            layer[0].origin
        );
    }

    #[test]
    fn other_attributes_and_broken_sources_have_none() {
        for text in [
            "fn main() {}",
            "#[other::service(a = 1)] fn main() {}",
            "#[kt::service(cpu = 1)] fn helper() {} fn main() {}",
            "#[kt::service(cpu = 1)] fn main( {",
            "#[service] fn main() {}",
        ] {
            assert_eq!(read(text).unwrap(), [], "{text}");
        }
    }

    #[test]
    fn a_condition_is_refused_since_it_is_not_known_yet() {
        let error = read("#[cfg_attr(unix, kt::service(cpu = 1))]\nfn main() {}")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("under a condition") && error.contains("main.rs:1"),
            "{error}"
        );
    }

    #[test]
    fn the_macro_knows_the_same_options() {
        let source = include_str!("../../../kt-macros/src/service/options.rs");
        let names = source
            .split("const NAMES")
            .nth(1)
            .unwrap()
            .split("];")
            .next()
            .unwrap();
        let known: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
        let ours: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
        assert_eq!(known, ours);
    }
}
