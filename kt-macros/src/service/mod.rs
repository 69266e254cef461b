//! `#[kt::service(…)]` on a program's `main`, and `#[kt::service]` on a constant: options of the
//! program's service.
//!
//! The attribute changes nothing: `cargo kt` reads it from the source before compiling, so that a
//! pod can start early. The expansion only checks it, so that rustc and the editor report mistakes
//! at the right place.

mod builder;
mod options;

use std::env;

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{Error, Item, Result};

use options::Options;

/// The unchanged item, with errors before it and checks after it.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (errors, checks) = match check(arguments, item.clone()) {
        Ok(checks) => (TokenStream::new(), checks),
        Err(error) => (error.into_compile_error(), TokenStream::new()),
    };
    quote::quote!(#errors #item #checks)
}

fn check(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    const PLACE: &str = "`#[kt::service]` belongs on the program's `fn main`, or on a `const` of type `kt::Service` in \
                         the same file";
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
                let why = "on a constant, the attribute accepts no arguments: set options in the constant's value";
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

/// Rejects an attribute outside the file of `main`: `cargo kt` reads only that file and would
/// ignore it.
fn root(name: &Ident) -> Result<TokenStream> {
    // A language server sets neither of the two variables.
    if env::var_os("KT_BUILD").is_some() && env::var_os("CARGO_BIN_NAME").is_none() {
        let why = "`cargo kt` ignores `#[kt::service]` in a library: put it in the file of the program's `main`";
        return Err(Error::new_spanned(name, why));
    }
    let why =
        "`cargo kt` reads `#[kt::service]` only in the file of the program's `main`: move it there";
    // Only rustc knows the module path.
    Ok(quote_spanned! {name.span()=>
        const _: () = ::core::assert!(::__kt__::__private::is_root(::core::module_path!()), #why);
    })
}

/// Uses the constant, which rustc would otherwise report as dead code. Two services in one program
/// define the same item twice, which is an error.
fn once(name: &Ident) -> TokenStream {
    quote_spanned! {name.span()=>
        const _: ::__kt__::Service = #name;
        const _THE_SERVICE_OF_THIS_PROGRAM: () = ();
    }
}
