//! `#[kt::init]`: a function that runs once in each worker process, before its first call.
//!
//! It stays an ordinary function. Beside it stands a descriptor that runs it, by which the worker finds it.

mod check;
mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the attribute. What is refused stays as it is, beside its errors.
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
