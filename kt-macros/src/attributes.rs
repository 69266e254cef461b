//! Which of the attributes on a user's item go where in its expansion.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// A function's attributes, divided between what callers see and what holds the body.
#[derive(Default)]
pub struct Divided {
    /// Docs, `cfg`, lint levels and what callers are told.
    pub outer: Vec<TokenStream>,
    /// How the body is compiled, and attribute macros.
    pub inner: Vec<TokenStream>,
    /// Whether the item can be configured away after this expansion.
    pub configured: bool,
}

enum Place {
    Outer,
    Inner,
    Dropped,
}

/// Where an attribute of the user's function belongs.
///
/// Lint levels are inherited by what is inside an item, so on the outer function they hold for the user's own code as
/// well, and an `expect` is met by either.
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
            // `kt::Call` is `must_use` itself, and clippy's `double_must_use` asks for a message on top of that.
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

/// Whether an attribute can configure its item away.
///
/// rustc expands an attribute macro before the `cfg`s that are written below it.
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
    // What does not parse is left to rustc, which has the better message.
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
    fn callers_see_docs_and_the_body_keeps_how_it_is_compiled() {
        let (outer, inner, configured) =
            divided("#[doc = \"a\"] #[inline] #[allow(dead_code)] #[tracing::instrument]");
        assert_eq!(outer, ["#[doc = \"a\"]", "#[allow(dead_code)]"]);
        assert_eq!(inner, ["#[inline]", "#[tracing::instrument]"]);
        assert!(!configured);
    }

    #[test]
    fn each_attribute_of_a_cfg_attr_goes_its_own_way() {
        let (outer, inner, configured) = divided("#[cfg_attr(unix, inline, cfg(test), must_use)]");
        assert_eq!(outer, ["#[cfg_attr(unix, cfg(test))]"]);
        assert_eq!(inner, ["#[cfg_attr(unix, inline)]"]);
        assert!(configured);
    }

    #[test]
    fn must_use_is_left_to_the_call_unless_it_has_something_to_say() {
        assert_eq!(divided("#[must_use]").0, [""; 0]);
        assert_eq!(divided("#[must_use = \"a\"]").0, ["#[must_use = \"a\"]"]);
    }
}
