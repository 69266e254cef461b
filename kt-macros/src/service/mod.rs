//! `#[kt::service(…)]` on a program's `main`, and `#[kt::service]` on a constant: options of the program's service.
//!
//! The attribute changes nothing: `cargo kt` reads it in the source, before anything is compiled, so that a pod can start
//! meanwhile. Here it is only checked, so that rustc and the editor point at a mistake.

mod builder;
mod options;

use std::env;

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{Error, Item, Result};

use options::Options;

/// The item as it was, with errors before it and checks behind it.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (errors, checks) = match check(arguments, item.clone()) {
        Ok(checks) => (TokenStream::new(), checks),
        Err(error) => (error.into_compile_error(), TokenStream::new()),
    };
    quote::quote!(#errors #item #checks)
}

fn check(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    const PLACE: &str = "`#[kt::service]` belongs on the program's `fn main`, or on a `const` of the type `kt::Service` beside it";
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => {
            syn::parse2::<Options>(arguments)?;
            let name = &function.sig.ident;
            match name == "main" {
                true => root(name),
                false => Err(Error::new_spanned(name, PLACE)),
            }
        }
        Ok(Item::Const(constant)) => {
            if !arguments.is_empty() {
                let why = "on a constant the attribute takes nothing: options are set in the constant's value";
                return Err(Error::new_spanned(arguments, why));
            }
            builder::check(&constant.expr)?;
            let root = root(&constant.ident)?;
            let once = once(&constant.ident);
            Ok(quote::quote!(#root #once))
        }
        Ok(Item::Static(item)) => Err(Error::new_spanned(item.static_token, PLACE)),
        _ => Err(Error::new_spanned(item, PLACE)),
    }
}

/// Only the file of `main` is read, so options anywhere else would pass unheard.
fn root(name: &Ident) -> Result<TokenStream> {
    // Neither of the two is known to an editor.
    if env::var_os("KT_BUILD").is_some() && env::var_os("CARGO_BIN_NAME").is_none() {
        let why = "`#[kt::service]` is in a library, and `cargo kt` reads it only in the file of a program's `main`";
        return Err(Error::new_spanned(name, why));
    }
    let why =
        "`cargo kt` reads `#[kt::service]` only in the file of the program's `main`: put it there";
    // The module path is rustc's to say.
    Ok(quote_spanned! {name.span()=>
        const _: () = ::core::assert!(::__kt__::__private::is_root(::core::module_path!()), #why);
    })
}

/// Uses the constant, which nobody else does and rustc would call dead; two of them in one program are two items of one name.
fn once(name: &Ident) -> TokenStream {
    quote_spanned! {name.span()=>
        const _: ::__kt__::Service = #name;
        const _THE_SERVICE_OF_THIS_PROGRAM: () = ();
    }
}
