//! Reads options from a program's source: `#[kt::service(…)]` on its `main`, and `#[kt::service]`
//! on a constant. The source is parsed, not compiled, because the pod starts before compilation.
//! Only the file of `main` is read and nothing is evaluated: code that rustc could interpret
//! differently is rejected.

mod attribute;
mod builder;
mod elsewhere;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Attribute, Item, ItemConst, Meta, Type};

use super::{ConfigError, Layer};

/// The options in a program's root file: those of the attribute, and those of the constant, which
/// override them. `shown` is the file's name in messages. A source with syntax errors has none.
///
/// # Errors
/// If they are conditional, misplaced, duplicated or invalid.
pub fn source(path: &Path, shown: &str) -> Result<[Layer; 2], ConfigError> {
    let none = [Layer::new(), Layer::new()];
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    // Most programs have none, so they are not parsed.
    if !text.contains("service") {
        return Ok(none);
    }
    let Ok(file) = syn::parse_file(&text) else {
        return Ok(none);
    };
    let source = Source { shown };
    let mut layer = Layer::new();
    let mut constants: Vec<&ItemConst> = Vec::new();
    let mut read: Vec<Span> = Vec::new();
    for item in &file.items {
        let attributes = match item {
            Item::Fn(function) if function.sig.ident == "main" => &function.attrs,
            Item::Const(constant) => &constant.attrs,
            _ => continue,
        };
        for attribute in source.of_service(attributes)? {
            read.push(attribute.pound_token.span);
            match item {
                Item::Const(constant) if is_service(&constant.ty) => constants.push(constant),
                Item::Const(_) => {}
                _ => layer.extend(attribute::options(attribute, &source)?),
            }
        }
    }
    if let Some(span) = elsewhere::find(&text, &read) {
        let why = "is only valid on the program's `fn main` and on a `const` of type `kt::Service` in the same file";
        return Err(source.invalid(why, span));
    }
    match constants[..] {
        [] => Ok([layer, Layer::new()]),
        [constant] => Ok([layer, builder::options(&constant.expr, &source)?]),
        [first, second, ..] => {
            let why = format!(
                "is on both `{}` and `{}`, but a program has only one service",
                first.ident, second.ident
            );
            Err(source.invalid(why, second.ident.span()))
        }
    }
}

/// The file being read.
struct Source<'a> {
    /// Its name in messages.
    shown: &'a str,
}

impl Source<'_> {
    fn at(&self, span: Span) -> String {
        format!("{}:{}", self.shown, span.start().line)
    }

    fn invalid(&self, why: impl Into<String>, span: Span) -> ConfigError {
        ConfigError::Attribute {
            why: why.into(),
            origin: self.at(span),
        }
    }

    /// The `#[kt::service]` attributes.
    fn of_service<'a>(&self, all: &'a [Attribute]) -> Result<Vec<&'a Attribute>, ConfigError> {
        let conditional = |span| {
            let why = "is conditional, and the condition is unknown before compilation\n\
             help: use `[package.metadata.kt]` in Cargo.toml, or the environment";
            self.invalid(why, span)
        };
        for attribute in all {
            if let Meta::List(list) = &attribute.meta
                && list.path.is_ident("cfg_attr")
            {
                let inner = list.tokens.to_string().replace(' ', "");
                if inner.contains("kt::service") || inner.contains(",service") {
                    return Err(conditional(list.delimiter.span().open()));
                }
            }
        }
        let ours: Vec<&Attribute> = all.iter().filter(|it| is_ours(it)).collect();
        let condition = all.iter().find(|it| it.path().is_ident("cfg"));
        match condition.filter(|_| !ours.is_empty()) {
            Some(condition) => Err(conditional(condition.pound_token.span)),
            None => Ok(ours),
        }
    }
}

fn is_ours(attribute: &Attribute) -> bool {
    let segments = &attribute.path().segments;
    if segments.last().is_none_or(|last| last.ident != "service") {
        return false;
    }
    match (segments.len(), segments.first()) {
        (1, _) => true,
        (2, Some(krate)) if krate.ident == "kt" || krate.ident == "kt_runtime" => true,
        // A renamed crate, for which the macro requires `crate = …`.
        _ => matches!(&attribute.meta, Meta::List(list) if has_crate_argument(&list.tokens)),
    }
}

/// Whether an attribute's arguments include `crate = …`.
fn has_crate_argument(arguments: &TokenStream) -> bool {
    let is_crate = |token: TokenTree| matches!(token, TokenTree::Ident(name) if name == "crate");
    let tokens: Vec<TokenTree> = arguments.clone().into_iter().collect();
    let is_assigned = |pair: &[TokenTree]| {
        is_crate(pair[0].clone())
            && matches!(&pair[1], TokenTree::Punct(punct) if punct.as_char() == '=')
    };
    tokens.windows(2).any(is_assigned)
}

/// Whether a type has the name of kt's type.
fn is_service(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|it| it.ident == "Service")
}
