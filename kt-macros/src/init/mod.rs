//! `#[kt::init]`: a function that runs once in each worker process, before its first call.
//!
//! The function stays callable. The expansion adds a descriptor, by which the worker finds it.

mod check;
mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the attribute. A rejected item stays unchanged, after its errors.
pub fn attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let refused = check::arguments(arguments)
        .map_or_else(TokenStream::new, |error| error.into_compile_error());
    let function = parse::function(item.clone());
    let checked = function.and_then(|function| {
        check::signature(&function)?;
        Ok(function)
    });
    let expansion = match checked {
        Ok(function) => expand::function(&function),
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #error #item }
        }
    };
    quote! { #refused #expansion }
}
