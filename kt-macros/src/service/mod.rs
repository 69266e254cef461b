//! `#[kt::service(…)]`: options of a program's service, beside its `main`.
//!
//! The attribute changes nothing: `cargo kt` reads it in the source, before anything is compiled, so that a pod can start
//! meanwhile. Here it is only checked, so that rustc and the editor point at a mistake.

mod options;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn};

use options::Options;

/// The item as it was, and errors before it.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let errors = match check(arguments, item.clone()) {
        Ok(()) => TokenStream::new(),
        Err(error) => error.into_compile_error(),
    };
    quote!(#errors #item)
}

fn check(arguments: TokenStream, item: TokenStream) -> syn::Result<()> {
    syn::parse2::<Options>(arguments)?;
    let place = "`#[kt::service]` belongs on the program's `fn main`: a service is for all of its remote functions";
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) if function.sig.ident == "main" => Ok(()),
        Ok(function) => Err(Error::new_spanned(&function.sig.ident, place)),
        Err(_) => Err(Error::new_spanned(item, place)),
    }
}
