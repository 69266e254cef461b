//! Divides the attributes of a user's item between the parts of its expansion.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// A function's attributes, divided between the outer function and the body.
#[derive(Default)]
pub struct Divided {
    /// Docs, `cfg`, lint levels and messages for callers.
    pub outer: Vec<TokenStream>,
    /// Codegen attributes and attribute macros.
    pub inner: Vec<TokenStream>,
    /// Whether a `cfg` can still remove the item after this expansion.
    pub configured: bool,
}

enum Place {
    Outer,
    Inner,
    Dropped,
}

/// Where an attribute of the user's function goes.
///
/// A nested item inherits the lint levels of the outer one. A level on the outer function therefore
/// also applies to the user's code, and either one can fulfill an `expect`.
fn place(meta: &Meta) -> Place {
    let path = meta.path();
    let outer = [
        "doc",
        "deprecated",
        "cfg",
        "allow",
        "expect",
        "warn",
        "deny",
        "forbid",
    ];
    if outer.iter().any(|name| path.is_ident(name)) {
        Place::Outer
    } else if path.is_ident("must_use") {
        match meta {
            // `kt::Call` is already `must_use`. Without a message, clippy reports
            // `double_must_use`.
            Meta::Path(_) => Place::Dropped,
            _ => Place::Outer,
        }
    } else {
        Place::Inner
    }
}

/// Divides a function's attributes.
pub fn divide(attributes: &[Attribute]) -> Divided {
    let mut divided = Divided::default();
    for attribute in attributes {
        divided.configured |= configures(&attribute.meta);
        let Some((predicate, metas)) = conditional(&attribute.meta) else {
            let tokens = attribute.to_token_stream();
            match place(&attribute.meta) {
                Place::Outer => divided.outer.push(tokens),
                Place::Inner => divided.inner.push(tokens),
                Place::Dropped => {}
            }
            continue;
        };
        let path = attribute.path();
        for meta in &metas {
            let tokens = quote! { #[#path(#predicate, #meta)] };
            match place(meta) {
                Place::Outer => divided.outer.push(tokens),
                Place::Inner => divided.inner.push(tokens),
                Place::Dropped => {}
            }
        }
    }
    divided
}

/// Whether an attribute can remove its item.
///
/// rustc expands an attribute macro before the `cfg`s below it.
pub fn configures(meta: &Meta) -> bool {
    meta.path().is_ident("cfg")
        || conditional(meta).is_some_and(|(_, metas)| metas.iter().any(configures))
}

/// The parts of a `cfg_attr(predicate, attributes…)`.
fn conditional(meta: &Meta) -> Option<(Meta, Vec<Meta>)> {
    let Meta::List(list) = meta else { return None };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    // rustc reports an attribute that does not parse, with a better message.
    let metas = list
        .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        .ok()?;
    let mut metas = metas.into_iter();
    Some((metas.next()?, metas.collect()))
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser;

    use super::*;

    fn divided(source: &str) -> (Vec<String>, Vec<String>, bool) {
        let attributes = Attribute::parse_outer
            .parse_str(source)
            .expect("attributes");
        let divided = divide(&attributes);
        let texts = |attributes: Vec<TokenStream>| {
            attributes.into_iter().map(crate::tokens::text).collect()
        };
        (
            texts(divided.outer),
            texts(divided.inner),
            divided.configured,
        )
    }

    #[test]
    fn docs_go_to_the_outer_function_and_codegen_attributes_to_the_body() {
        let (outer, inner, configured) =
            divided("#[doc = \"a\"] #[inline] #[allow(dead_code)] #[tracing::instrument]");
        assert_eq!(outer, ["#[doc = \"a\"]", "#[allow(dead_code)]"]);
        assert_eq!(inner, ["#[inline]", "#[tracing::instrument]"]);
        assert!(!configured);
    }

    #[test]
    fn each_attribute_of_a_cfg_attr_is_placed_separately() {
        let (outer, inner, configured) = divided("#[cfg_attr(unix, inline, cfg(test), must_use)]");
        assert_eq!(outer, ["#[cfg_attr(unix, cfg(test))]"]);
        assert_eq!(inner, ["#[cfg_attr(unix, inline)]"]);
        assert!(configured);
    }

    #[test]
    fn must_use_is_dropped_unless_it_has_a_message() {
        assert_eq!(divided("#[must_use]").0, [""; 0]);
        assert_eq!(divided("#[must_use = \"a\"]").0, ["#[must_use = \"a\"]"]);
    }
}
